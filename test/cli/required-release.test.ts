import { expect, test } from "vitest";
import { requireRelease } from "#cli/github/required-release";

const [ASKED, OTHER] = ["a".repeat(40), "b".repeat(40)] as [string, string];

test("a job goes on where the release that its workflow asks for is installed, or it asks for none", () => {
  expect(() => requireRelease(ASKED, ASKED)).not.toThrow();
  expect(() => requireRelease("", OTHER)).not.toThrow();
});

test.for([
  ["another release", OTHER],
  ["changed files", `${ASKED}-dirty`],
  ["no known commit", ""],
] as const)("a job is refused where %s is installed, with both", ([, installed]) => {
  const both = `asks for release ${ASKED} of Meshbench, this host has ${installed}`;
  expect(() => requireRelease(ASKED, installed)).toThrow(both);
});
