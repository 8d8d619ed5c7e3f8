import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { breakIn } from "#test/chaos/broken-protections";
import { PROTECTIONS } from "#test/chaos/protections";

const CHECKOUT = join(import.meta.dirname, "..", "..");

test.for(PROTECTIONS)("$name: can still be broken where the list says, and its test is there", (protection) => {
  const source = readFileSync(join(CHECKOUT, protection.file), "utf8");
  expect(breakIn(source, protection)).not.toBe(source);
  expect(existsSync(join(CHECKOUT, protection.seenBy.file))).toBe(true);
});

test("names are told apart", () => {
  expect(new Set(PROTECTIONS.map(({ name }) => name)).size).toBe(PROTECTIONS.length);
});

test("a list that the source has left behind fails loudly", () => {
  const [protection] = PROTECTIONS;
  expect(() => breakIn("", protection!)).toThrow(/has 0 times, instead of once/);
});
