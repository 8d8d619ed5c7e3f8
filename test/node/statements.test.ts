import { expect, test } from "vitest";
import { TupleStream } from "#model/tuples";
import { insertRowSql, RowsStatement } from "#node/statements";

const BATCH = {
  count: 2,
  keys: Buffer.from("000102030405060708090a0b0c0d0e0ff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "hex"),
  values: Uint8Array.of(0, 100),
};

test("a batch is one statement with all its rows", () => {
  expect(new RowsStatement("tuple", BATCH).insert(0)).toBe(
    "INSERT INTO tuple (tuple_key, tuple_value, tuple_copy) VALUES " +
      "(x'000102030405060708090a0b0c0d0e0f',0,0),(x'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',100,0)",
  );
});

test("peers that take the same copy get the very same text", () => {
  const rows = new RowsStatement("tuple", new TupleStream("00".repeat(16)).take(100));
  expect(rows.insert(0)).toBe(rows.insert(0));
});

test("a copy differs in its number only", () => {
  const rows = new RowsStatement("warmup", BATCH);
  expect(rows.insert(7)).toBe(rows.insert(0).replaceAll(",0)", ",7)").replaceAll("100,0)", "100,7)"));
  expect(rows.insert(7)).not.toBe(rows.insert(0));
});

test("what is sent again passes over what had arrived", () => {
  const rows = new RowsStatement("tuple", BATCH);
  expect(rows.insertMissing(3)).toBe(rows.insert(3).replace("INSERT INTO", "INSERT IGNORE INTO"));
});

test("a single row is prepared for its copy, with key and value open", () => {
  expect(insertRowSql("tuple", 2)).toBe("INSERT INTO tuple (tuple_key, tuple_value, tuple_copy) VALUES (?, ?, 2)");
});
