import { describe, expect, test } from "vitest";
import { formatCount, formatFigure, printable } from "#report/format";

test.each([
  [0, "0.000"],
  [0.0234, "0.023"],
  [-0.0234, "-0.023"],
  [0.9996, "1.00"],
  [1.234, "1.23"],
  [9.996, "10.0"],
  [12.34, "12.3"],
  [99.96, "100"],
  [80_955.4, "80955"],
])("%d is shown as %s", (value, text) => {
  expect(formatFigure(value)).toBe(text);
});

test.each([
  [5000, "5\u202F000"],
  [240_000, "240\u202F000"],
  [1_000_000, "1\u202F000\u202F000"],
  [15, "15"],
  [0.1234, "0.1234"],
])("%d is grouped as %s", (value, text) => {
  expect(formatCount(value)).toBe(text);
});

describe("text from outside", () => {
  test("is one line", () => {
    expect(printable("a\n b\t\r\nc")).toBe("a b c");
  });

  test("has no character that moves a cursor or turns the direction of writing", () => {
    expect(printable("a\u001B[2Jb\u202Ec\u0000")).toBe("a�[2Jb�c�");
  });
});
