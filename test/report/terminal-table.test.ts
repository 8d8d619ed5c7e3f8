import { describe, expect, test } from "vitest";
import { formatSweepTable } from "#report/terminal-table";
import { sweepFixture, withColumns } from "#test/report/fixture-rows";

describe("the table of a sweep", () => {
  const table = formatSweepTable(sweepFixture().rows);

  test("has a line per point under one header", () => {
    expect(table.split("\n")).toHaveLength(1 + 24);
  });

  test("aligns its columns", () => {
    const [header = "", ...lines] = table.split("\n");
    const column = header.indexOf("runs");
    for (const line of lines) expect(line.slice(column - 2, column + 1)).toMatch(/^ {2}\d$/);
  });

  test("shows I = N²·D, n, median, interval, lateness and every status", () => {
    expect(table).toMatch(
      /^containers +baseline +15 +60 000 +13 500 000 +7 +0\.041 +0\.035 to 0\.063 +54\.1 +7 VALID, 1 INVALID/m,
    );
    expect(table).toMatch(/^containers +replicated +15 +240 000 +54 000 000 +5 +≥ 136 +– +≥ \d+ +5 VALID, 2 INVALID/m);
  });

  test("shows other factors where they vary", () => {
    expect(table).not.toContain("AG");
    expect(formatSweepTable(sweepFixture({ rates: [5000], aggregations: [1, 100] }).rows)).toMatch(
      / D +AG +inserts\/min +n /,
    );
  });

  test("lets no name move the cursor", () => {
    const rows = withColumns(sweepFixture({ rates: [5000] }).rows, { environment: "a\u001B[2J\nb" });
    expect(formatSweepTable(rows)).toContain("a�[2J b");
  });

  test("of no runs says so", () => {
    expect(formatSweepTable([])).toBe("no runs yet");
  });
});
