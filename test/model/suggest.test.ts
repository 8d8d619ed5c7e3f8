import { expect, test } from "vitest";
import { suggest } from "#model/suggest";

const KNOWN = ["nodes", "rate", "repetitions", "docker", "esxi"];

test.for([
  ["nodez", "did you mean nodes"],
  ["ESXI", "did you mean esxi"],
  ["repetition", "did you mean repetitions"],
  ["rate ", "did you mean rate"],
] as const)("%s: %s", ([word, hint]) => {
  expect(suggest(word, KNOWN)).toBe(hint);
});

test.for(["podman", "x", "", 4, null, "n".repeat(10_000)])("nothing is suggested for %s", (word) => {
  expect(suggest(word, KNOWN)).toBeUndefined();
});
