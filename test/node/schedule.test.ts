import { assert, integer, nat, property } from "fast-check";
import { expect, test } from "vitest";
import { Schedule, tickUsFor } from "#node/schedule";

const START_US = 5_000_000;
const scheduleOf = (ratePerMin: number, tupleCount: number, stretch = 1) =>
  new Schedule({ startUs: START_US, ratePerMin, tupleCount, stretch });

test("tuple k is due k·60/D seconds after the start", () => {
  const schedule = scheduleOf(6_000, 100);
  expect(schedule.dueUs(1)).toBe(START_US + 10_000);
  expect(schedule.dueUs(100)).toBe(START_US + 1_000_000);
});

test("a stretched schedule is slower by just that factor", () => {
  expect(scheduleOf(6_000, 100, 1.05).dueUs(100)).toBeCloseTo(START_US + 1_050_000, 3);
});

test("what is due at an instant are the tuples whose due time has come, and no more than there are", () => {
  const rates = integer({ min: 1, max: 10_000_000 });
  assert(
    property(rates, integer({ min: 1, max: 1_000_000 }), nat(10_000_000), (rate, count, afterUs) => {
      const schedule = scheduleOf(rate, count);
      const due = schedule.dueBy(START_US + afterUs);
      expect(due).toBeGreaterThanOrEqual(0);
      expect(due).toBeLessThanOrEqual(count);
      // Tuple 0 would be due at the start, so that the first comparison holds for none due as well.
      expect(schedule.dueUs(due)).toBeLessThanOrEqual(START_US + afterUs + 1e-3);
      const isNextLater = due === count || schedule.dueUs(due + 1) > START_US + afterUs - 1e-3;
      expect(isNextLater).toBe(true);
    }),
  );
});

test("nothing is due before the start", () => {
  expect(scheduleOf(6_000, 100).dueBy(START_US - 1_000_000)).toBe(0);
});

test("without a rate limit everything is due at once", () => {
  expect(scheduleOf(Number.POSITIVE_INFINITY, 100).dueBy(START_US)).toBe(100);
});

test("at a low rate the next look is when the next tuple is due", () => {
  expect(scheduleOf(6_000, 100).nextLookUs(START_US + 10_050, 1, 5_000)).toBe(START_US + 20_000);
});

test("at a high rate the next look is a tick away, and takes all that fell due meanwhile", () => {
  expect(scheduleOf(600_000, 10_000).nextLookUs(START_US + 200, 2, 5_000)).toBe(START_US + 5_200);
});

test("the last look is at the last due time, not a tick later", () => {
  expect(scheduleOf(600_000, 100).nextLookUs(START_US + 8_000, 80, 5_000)).toBe(START_US + 10_000);
});

test("more nodes look less often", () => {
  expect([1, 14, 15, 256].map(tickUsFor)).toEqual([5_000, 5_000, 20_000, 20_000]);
});
