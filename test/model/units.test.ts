import { expect, test } from "vitest";
import { parseDurationSec } from "#model/units";

test.each([
  ["1.1h", 3960],
  ["0.07m", 4.2],
  ["1.005s", 1.005],
  ["250ms", 0.25],
  ["0.4ms", 0],
])("%s is %d s, without what floating point adds", (text, sec) => {
  expect(parseDurationSec(text)).toBe(sec);
});
