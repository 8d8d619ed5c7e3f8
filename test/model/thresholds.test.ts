import { describe, expect, test } from "vitest";
import { summarisePoints } from "#model/point-summary";
import type { Threshold } from "#model/spec";
import { findThresholdMisses, formatThreshold } from "#model/thresholds";
import { sweepFixture, withColumns } from "#test/report/fixture-rows";

const bound = (comparison: Threshold["comparison"], value: number): Threshold => ({
  column: "sync_s",
  statistic: "median",
  comparison,
  bound: value,
});

/** One point whose median sync time is exactly 2 s. */
const points = summarisePoints(
  sweepFixture({ modes: ["replicated"], rates: [5000], allValid: true })
    .rows.filter(({ environment }) => environment === "containers")
    .flatMap((row, i) => withColumns([row], { sync_s: [1, 1, 2, 2, 2, 3, 3][i] ?? null })),
);

/** Sync times 1 1 2 2 2 3 3, and so many runs at their deadline. */
const withDeadlines = (count: number) => {
  const rows = points[0]?.rows ?? [];
  const reason = "deadline: not done in time";
  return summarisePoints([...rows, ...withColumns(rows.slice(0, count), { status: "INVALID", reason, sync_s: 0.1 })]);
};

describe("a threshold", () => {
  test.each([
    ["<", 2, false],
    ["<", 2.01, true],
    ["<=", 2, true],
    ["<=", 1.99, false],
    [">", 2, false],
    [">", 1.99, true],
    [">=", 2, true],
    [">=", 2.01, false],
  ] as const)("of median %s %d on a median of 2 is kept: %s", (comparison, value, kept) => {
    const misses = findThresholdMisses([bound(comparison, value)], points);
    expect(misses.map(({ observed }) => observed)).toEqual(kept ? [] : [2]);
  });

  test.each([
    ["min", 1],
    ["max", 3],
  ] as const)("on the %s looks at that figure", (statistic, observed) => {
    const misses = findThresholdMisses([{ ...bound("<", 0), statistic }], points);
    expect(misses).toMatchObject([{ observed }]);
  });

  test("is missed where no repetition is VALID, since nothing shows that it is kept", () => {
    const unproven = summarisePoints(withColumns(points[0]?.rows ?? [], { status: "INVALID" }));
    expect(findThresholdMisses([bound("<", 100)], unproven)).toMatchObject([{ observed: null }]);
  });

  describe("counts runs at their deadline as infinitely slow:", () => {
    test.each([
      ["median", "<", 2.5, 3, { observed: 2.5, isLowerBound: false }],
      ["median", "<", 2.6, 3, undefined],
      ["median", "<=", 100, 7, { observed: 2, isLowerBound: true }],
      ["median", ">", 100, 7, undefined],
      ["max", "<", 100, 1, { observed: 3, isLowerBound: true }],
      ["min", "<", 1.1, 7, undefined],
    ] as const)("%s %s %d with %d of them", (statistic, comparison, value, count, miss) => {
      const misses = findThresholdMisses([{ ...bound(comparison, value), statistic }], withDeadlines(count));
      expect(misses).toMatchObject(miss ? [miss] : []);
    });
  });

  test("is written as in the spec", () => {
    expect(formatThreshold(bound("<=", 5))).toBe("median sync_s <= 5");
  });
});
