import { uniformInt } from "pure-rand/distribution/uniformInt";
import { describe, expect, test } from "vitest";
import { bestSplit, findChangePoints } from "#model/change-points";
import { seededGenerator } from "#model/seeded-generator";
import { OTAVA_CASES } from "#test/model/golden-otava";

const flat = (length: number): number[] => Array.from({ length }, (_, i) => 1 + ((i * 7919) % 101) / 1000);

const withLastNights = (changed: number): number[] => [...flat(14), ...flat(changed).map((value) => value + 1)];

describe("change points", () => {
  test.each(OTAVA_CASES)("are those of the reference: $name", ({ values, index, q, found }) => {
    const split = bestSplit(values);
    expect(split?.index).toBe(index);
    expect(split?.q).toBeCloseTo(q, 6);
    expect(findChangePoints(values, { segmentLeast: 1, seed: 1 }).map((point) => point.index)).toEqual(found);
  });

  test("take three nights to tell from chance", () => {
    expect(findChangePoints(withLastNights(1), { seed: 1 })).toEqual([]);
    expect(findChangePoints(withLastNights(3), { seed: 1 }).map(({ index }) => index)).toEqual([14]);
  });

  test("are no outliers: one bad night between good ones is none", () => {
    expect(findChangePoints([...flat(8), 5, ...flat(8)], { seed: 1 })).toEqual([]);
  });

  test("are the same for the same seed", () => {
    const series = [...flat(9), ...flat(9).map((value) => value + 0.06)];
    expect(findChangePoints(series, { seed: 5 })).toEqual(findChangePoints(series, { seed: 5 }));
  });

  test.each([[[]], [[1]], [[1, 1, 1, 1, 1, 1]]])("of %j are none", (series) => {
    expect(findChangePoints(series, { seed: 1 })).toEqual([]);
  });
});

const noise = (seed: number): number[] => {
  const random = seededGenerator(seed);
  return Array.from({ length: 20 }, () => uniformInt(random, 0, 1000));
};

test("of forty series of noise, at a significance of 5 %, hardly one has a change point", () => {
  const alarms = Array.from({ length: 40 }, (_, seed) => findChangePoints(noise(seed), { seed }).length);
  expect(alarms.filter((count) => count > 0).length).toBeLessThanOrEqual(5);
});
