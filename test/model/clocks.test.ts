import { expect, test } from "vitest";
import { clockDriftOf, wallClocksOf } from "#model/clocks";
import type { ClockSample } from "#model/node-protocol";

const sample = (peer: number, monotonicSec: number, databaseSec: number, roundTripUs = 100): ClockSample => ({
  peer,
  monotonicUs: monotonicSec * 1e6,
  databaseUs: databaseSec * 1e6,
  roundTripUs,
});

/** A main loop of 60 s; each database's clock starts at its offset and runs at its rate. */
const measured = (databases: readonly { offsetSec?: number; rate?: number }[], roundTripUs = 100) => ({
  elapsedSec: 60,
  clocksAtRelease: databases.map(({ offsetSec = 0 }, peer) => sample(peer, 10, 1000 + offsetSec, roundTripUs)),
  clocksAtEnd: databases.map(({ offsetSec = 0, rate = 1 }, peer) =>
    sample(peer, 70, 1000 + offsetSec + 60 * rate, roundTripUs),
  ),
});

test("databases five minutes apart do not matter: only what passed between the samples does", () => {
  expect(clockDriftOf(measured([{}, { offsetSec: 300 }, { offsetSec: -300 }]))?.driftSec).toBeCloseTo(0, 9);
});

test("one database whose clock runs 5 % fast does not outvote the others", () => {
  expect(clockDriftOf(measured([{}, { rate: 1.05 }, {}]))?.driftSec).toBeCloseTo(0, 9);
});

test("a node whose own clock runs fast is off all of them", () => {
  expect(clockDriftOf(measured([{ rate: 0.95 }, { rate: 0.95 }]))?.driftSec).toBeCloseTo(3, 6);
});

test("0.2 % and 50 ms are accepted, and what the round trips leave open", () => {
  expect(clockDriftOf(measured([{}], 0))?.toleranceSec).toBeCloseTo(0.17, 9);
  expect(clockDriftOf(measured([{}], 20_000))?.toleranceSec).toBeCloseTo(0.19, 9);
});

test("without a database sampled on both ends nothing is known", () => {
  expect(clockDriftOf({ elapsedSec: 1, clocksAtRelease: [sample(1, 0, 0)], clocksAtEnd: [sample(2, 1, 1)] })).toBe(
    undefined,
  );
});

test("a wall clock that is five minutes ahead is recorded with its node", () => {
  const offsets = wallClocksOf(measured([{}, { offsetSec: 300 }, {}])).map(({ offsetMs }) => Math.round(offsetMs));
  expect(offsets).toEqual([0, 300_000, 0]);
});

test("a wall clock that runs 5 % fast is recorded with its rate", () => {
  const clocks = wallClocksOf(measured([{}, { rate: 1.05 }, {}]));
  expect(clocks.map(({ fasterPct }) => Math.round(fasterPct))).toEqual([0, 5, 0]);
});

test("where no clock was sampled none is recorded", () => {
  expect(wallClocksOf({ clocksAtRelease: [], clocksAtEnd: [] })).toEqual([]);
});
