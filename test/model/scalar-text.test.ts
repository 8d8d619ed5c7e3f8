import { expect, test } from "vitest";
import { readScalar } from "#model/scalar-text";

test.for([
  ["4", 4],
  ["-3", -3],
  ["0", 0],
  ["0.5", 0.5],
  ["true", true],
  ["null", null],
  ["", null],
  ["9007199254740993", 9007199254740993n],
  ["60s", "60s"],
] as const)("%s is %s", ([text, value]) => {
  expect(readScalar(text)).toBe(value);
});

test.for(["1e2", "0x0f", "0o17", "007", "+5", "1_000", "15 ", ".5", "5.", "-0", "NaN", ".inf", "on", "1".repeat(41)])(
  "%s stays text: only plain decimals are numbers",
  (text) => {
    expect(readScalar(text)).toBe(text);
  },
);
