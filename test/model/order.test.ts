import * as fc from "fast-check";
import { expect, test } from "vitest";
import { orderRuns } from "#model/order";

const request = fc.record({
  points: fc.uniqueArray(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 12 }),
  repetitions: fc.integer({ min: 1, max: 8 }),
  seed: fc.maxSafeNat(),
});
const sorted = (points: readonly number[]) => points.toSorted((a, b) => a - b);

test("interleaved: every repetition is a block with each point once", () => {
  fc.assert(
    fc.property(request, ({ points, repetitions, seed }) => {
      const runs = orderRuns({ points, repetitions, seed, order: "interleaved" });
      for (let block = 0; block < repetitions; block++) {
        const inBlock = runs.slice(block * points.length, (block + 1) * points.length);
        expect(inBlock.every(({ repetition }) => repetition === block + 1)).toBe(true);
        expect(sorted(inBlock.map(({ point }) => point))).toEqual(sorted(points));
      }
    }),
  );
});

test("declared: point after point, each with all its repetitions", () => {
  expect(orderRuns({ points: [3, 1], repetitions: 2, seed: 1, order: "declared" })).toEqual([
    { point: 3, repetition: 1 },
    { point: 3, repetition: 2 },
    { point: 1, repetition: 1 },
    { point: 1, repetition: 2 },
  ]);
});

const shownOrder = (seed: number) =>
  orderRuns({ points: [1, 2, 3, 4, 5, 6], repetitions: 2, seed, order: "interleaved" })
    .map(({ point }) => point)
    .join("");

test("a seed has one order, today and on every platform", () => {
  expect(shownOrder(2018)).toBe("143256235461");
  expect(shownOrder(Number.MAX_SAFE_INTEGER)).toBe("213564125436");
});

test("all 53 bits of a seed count", () => {
  const seeds = [7, 7 + 2 ** 32, 7 + 2 ** 33, 7 + 2 ** 52];
  expect(new Set(seeds.map(shownOrder)).size).toBe(seeds.length);
});

test("no place in a block is preferred by a point", () => {
  const runs = orderRuns({ points: [1, 2, 3, 4], repetitions: 4000, seed: 2018, order: "interleaved" });
  const first = runs.filter((_, i) => i % 4 === 0);
  for (const point of [1, 2, 3, 4]) {
    // Binomial with p = 1/4: 1000 ± 5 standard deviations.
    expect(Math.abs(first.filter((run) => run.point === point).length - 1000)).toBeLessThan(137);
  }
});
