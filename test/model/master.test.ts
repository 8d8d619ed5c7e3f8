import { expect, test } from "vitest";
import { masterIndexOf } from "#model/master";

test("the master has the numerically lowest address, which is not the first in the alphabet", () => {
  const nodes = ["198.18.0.10", "198.18.0.9", "198.18.0.100"].map((address, i) => ({ index: i + 1, address }));
  expect(masterIndexOf(nodes)).toBe(2);
  expect(masterIndexOf([...nodes, { index: 4, address: "9.200.200.200" }])).toBe(4);
});

test("no nodes, no master", () => {
  expect(() => masterIndexOf([])).toThrow(RangeError);
});
