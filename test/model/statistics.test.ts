import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { median, medianInterval, quantile } from "#model/statistics";

const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

describe("quantile", () => {
  // Definition 7 is "inclusive" in Python, which printed these: statistics.quantiles(…, method="inclusive").
  test.each([
    [upTo(10), 0, 1],
    [upTo(10), 0.25, 3.25],
    [upTo(10), 0.5, 5.5],
    [upTo(10), 0.75, 7.75],
    [upTo(10), 1, 10],
    [[1, 2, 4, 8], 0.1, 1.3],
    [[1, 2, 4, 8], 0.9, 6.8],
    [[7], 0.99, 7],
  ])("of %j at %d is %d, as definition 7 says", (values, p, expected) => {
    expect(quantile(values, p)).toBeCloseTo(expected, 12);
  });

  test.each([
    [[1, 2, Infinity], 0.5, 2],
    [[1, Infinity, Infinity], 0.5, Infinity],
    [[1, Infinity], 0.5, Infinity],
    [[1, Infinity], 0, 1],
  ])("of %j at %d is %d: what is only known to be larger takes its rank", (values, p, expected) => {
    expect(quantile(values, p)).toBe(expected);
  });

  test("takes values in any order and leaves them as they are", () => {
    const values = [9, 1, 5];
    expect(median(values)).toBe(5);
    expect(values).toEqual([9, 1, 5]);
  });

  test("of nothing is an error, not a zero", () => {
    expect(() => median([])).toThrow(RangeError);
  });

  test("lies between the smallest and the largest value and grows with p", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, p) => {
          const at = quantile(values, p);
          expect(at).toBeGreaterThanOrEqual(Math.min(...values) - 1e-6);
          expect(at).toBeLessThanOrEqual(Math.max(...values) + 1e-6);
          expect(quantile(values, Math.min(1, p + 0.1))).toBeGreaterThanOrEqual(at - 1e-6);
        },
      ),
    );
  });
});

describe("the interval of the median", () => {
  // Published table of intervals for the median, n, ranks and confidence (%), e.g. Weiers, "Business Statistics", table A.7.
  test.each([
    [6, 1, 6, 96.9],
    [7, 1, 7, 98.4],
    [8, 1, 8, 99.2],
    [9, 2, 8, 96.1],
    [10, 2, 9, 97.9],
    [11, 2, 10, 98.8],
    [12, 3, 10, 96.1],
    [15, 4, 12, 96.5],
    [17, 5, 13, 95.1],
    [20, 6, 15, 95.9],
  ])("of %i values runs from rank %i to rank %i with %d %%", (n, lower, upper, confidencePct) => {
    const interval = medianInterval(upTo(n).toReversed());
    expect(interval).toMatchObject({ lower, upper });
    expect((interval?.confidence ?? 0) * 100).toBeCloseTo(confidencePct, 1);
  });

  test.each([0, 1, 2, 3, 4, 5])("does not exist for %i values at 95 %%", (n) => {
    expect(medianInterval(upTo(n))).toBeUndefined();
  });

  test("stays exact for samples whose probabilities underflow", () => {
    // Normal approximation of Binomial(4000, ½): ranks 2000 ± 1.96·√1000.
    const interval = medianInterval(upTo(4000));
    expect(interval?.lower).toBeGreaterThan(1936);
    expect(interval?.lower).toBeLessThan(1940);
    expect(interval?.confidence).toBeGreaterThanOrEqual(0.95);
  });

  test("never undercuts the confidence asked for, and holds the sample's median", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 6, maxLength: 60 }), (values) => {
        const interval = medianInterval(values);
        expect(interval?.confidence).toBeGreaterThanOrEqual(0.95);
        expect(interval?.lower).toBeLessThanOrEqual(median(values));
        expect(interval?.upper).toBeGreaterThanOrEqual(median(values));
      }),
    );
  });
});
