import { describe, expect, test } from "vitest";
import { leastP, mannWhitney } from "#model/mann-whitney";
import { median } from "#model/statistics";
import { BENCHSTAT_CASES } from "#test/model/golden-benchstat";

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe("the Mann-Whitney test", () => {
  test.each(BENCHSTAT_CASES)("says what Go's benchstat says: p = $p", ({ a, b, p, medianA, medianB }) => {
    expect(Math.abs(mannWhitney(a, b).p - p)).toBeLessThan(0.0006);
    expect([median(a), median(b)]).toEqual([medianA, medianB]);
  });

  test("is exact for small samples: 2 of the 924 ways to deal 12 ranks are as far apart", () => {
    expect(mannWhitney([1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12])).toEqual({ u: 0, p: 2 / 924 });
  });

  // Hollander & Wolfe 1973, 69f., as in the help of R's wilcox.test: W = 35, p = 0.1272 one-sided.
  test("finds R's published figures", () => {
    const a = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
    const b = [1.15, 0.88, 0.9, 0.74, 1.21];
    const { u, p } = mannWhitney(a, b);
    expect(u).toBe(35);
    expect(p / 2).toBeCloseTo(0.1272, 4);
  });

  test("takes the true tail where ties make the two differ, and is never above 1", () => {
    expect(mannWhitney([3, 1], [2, 2, 2, 5, 1]).p).toBeLessThanOrEqual(1);
    const forth = mannWhitney([1, 1, 2], [1, 3, 3, 4, 4, 4, 5]);
    const back = mannWhitney([1, 3, 3, 4, 4, 4, 5], [1, 1, 2]);
    expect(forth.p).toBeCloseTo(back.p, 12);
  });

  test("is not steered by the order of the values, nor by which sample is first", () => {
    const [a, b] = [upTo(9), upTo(8).map((value) => value * 1.7)];
    expect(mannWhitney(a.toReversed(), b).p).toBe(mannWhitney(a, b).p);
    expect(mannWhitney(b, a).p).toBeCloseTo(mannWhitney(a, b).p, 12);
  });

  test("shows nothing where all values are equal", () => {
    expect(mannWhitney([2, 2, 2], [2, 2, 2, 2]).p).toBe(1);
  });

  test("of nothing is an error, and so is what has no rank", () => {
    expect(() => mannWhitney([], [1])).toThrow(RangeError);
    expect(() => mannWhitney([1], [])).toThrow(RangeError);
  });
});

test.each([
  [3, 3, 0.1],
  [4, 4, 2 / 70],
  [1, 100, 2 / 101],
])("samples of %d and %d reach p = %d at the least", (n, m, p) => {
  expect(leastP(n, m)).toBeCloseTo(p, 12);
});
