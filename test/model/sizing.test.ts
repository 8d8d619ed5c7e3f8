import { expect, test } from "vitest";
import { memoryNeededMib, sizeDatabase } from "#model/sizing";

const LOAD = { nodes: 32, ratePerMin: 60_000, engine: "memory", rowsPerDatabase: 320_000, warmupSec: 3 } as const;

test("a MEMORY table has room for all tuples", () => {
  expect(sizeDatabase(LOAD).heapTableMib).toBeGreaterThan((LOAD.rowsPerDatabase * 150) / 2 ** 20);
});

test("a MEMORY table has room for a warm-up that is longer than the run", () => {
  const warmupRows = (32 * 60_000 * 30) / 60;
  expect(sizeDatabase({ ...LOAD, warmupSec: 30 }).heapTableMib).toBeGreaterThan((warmupRows * 150) / 2 ** 20);
});

test("the rows of the warm-up count against a node's memory, in either engine", () => {
  for (const engine of ["innodb", "memory"] as const) {
    const needed = (warmupSec: number) => {
      const load = { ...LOAD, engine, warmupSec };
      return memoryNeededMib(load, sizeDatabase(load));
    };
    expect(needed(3) - needed(0)).toBeGreaterThan((32 * 60_000 * 3 * 150) / 60 / 2 ** 20);
  }
});
