import { describe, expect, test } from "vitest";
import type { RunRow } from "#model/result-row";
import { prepareComparison } from "#report/comparison";
import { comparisonChart } from "#report/mermaid";
import { CONTAINERS, sweepFixture, VMS, withColumns } from "#test/report/fixture-rows";

function chartOf(a: readonly RunRow[], b: readonly RunRow[]): string {
  const sides = [
    { name: "base", rows: a, environments: [CONTAINERS] },
    { name: "head", rows: b, environments: [CONTAINERS] },
  ] as const;
  return comparisonChart(prepareComparison(...sides, 1)).join("\n");
}

const sweep = (rates: readonly number[], environments = [CONTAINERS]) =>
  sweepFixture({ environments, modes: ["replicated"], nodes: [2], rates, repetitions: 1, allValid: true }).rows;

const [ROW] = sweep([6000]);
const runs = (deviations: readonly number[]): RunRow[] =>
  deviations.flatMap((deviation_pct, i) =>
    withColumns(ROW === undefined ? [] : [ROW], { deviation_pct, repetition: i + 1 }),
  );

describe("the plot of a comparison", () => {
  test("has a bar for each run of a single point, also of one run a side", () => {
    expect(chartOf(runs([0.3, -0.1, 0.2]), runs([1.5, 1.25]))).toBe(
      [
        "```mermaid",
        "xychart-beta",
        '  title "deviation in percent, from the least to the greatest run of a, then of b"',
        '  x-axis ["a 1", "a 2", "a 3", "b 1", "b 2"]',
        '  y-axis "deviation %" -0.100 --> 1.500',
        "  bar [-0.100, 0.200, 0.300, 1.250, 1.500]",
        "```",
      ].join("\n"),
    );
    expect(chartOf(runs([0.3]), runs([0.5]))).toContain("bar [0.300, 0.500]");
  });

  test("shows least, quartiles and greatest of a point with many runs", () => {
    const many = Array.from({ length: 21 }, (_, i) => i);
    expect(chartOf(runs(many), runs([1]))).toContain("bar [0.000, 5.000, 10.000, 15.000, 20.000, 1.000]");
  });

  test("sets the medians of several points beside each other, from 0 on", () => {
    const chart = chartOf(sweep([5000, 20_000]), withColumns(sweep([5000, 20_000]), { deviation_pct: 2 }));
    expect(chart).toMatch(/x-axis \["5000", "20000"\]\n {2}y-axis "deviation %" 0\.000 --> 2\.000\n {2}bar \[.*\]\n/);
    expect(chart).toContain("\n  line [2.000, 2.000]\n");
  });

  test("tells points of several environments apart", () => {
    const rows = sweep([5000, 20_000], [CONTAINERS, VMS]);
    const labels = /x-axis \[(.*)\]/.exec(chartOf(rows, rows))?.[1]?.split(", ");
    expect(new Set(labels).size).toBe(4);
  });

  test("is left out where a side has no figure, or too many points would be drawn", () => {
    expect(chartOf(runs([1]), withColumns(runs([1]), { status: "FAILED" }))).toBe("");
    const rows = sweep(Array.from({ length: 13 }, (_, i) => 1000 * (i + 1)));
    expect(chartOf(rows, rows)).toBe("");
  });
});
