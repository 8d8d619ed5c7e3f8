import { expect, test } from "vitest";
import { clockDriftsOf, wallClocksOf } from "#model/clocks";
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

interface NodeClock {
  /** Of CLOCK_MONOTONIC; 1.05 runs 5 % fast. */
  readonly rate?: number;
  /** Between its two samples of the master: nodes arrive at the barrier at different times. */
  readonly sec?: number;
}

/** Node 1 is the master. `master` is what its wall clock does, as all nodes see it. */
function driftsOf(nodes: readonly NodeClock[], master: { rate?: number; setBySec?: number } = {}, roundTripUs = 100) {
  const results = nodes.map(({ rate = 1, sec = 60 }, position) => {
    // Its own wall clock comes from the same crystal as its monotonic one.
    const masterSec = sec * (position === 0 && rate !== 1 ? rate : (master.rate ?? 1)) + (master.setBySec ?? 0);
    return {
      elapsedSec: 60 * rate,
      clocksAtRelease: [sample(1, 10, 1000, roundTripUs), sample(position + 1, 10, 5000, roundTripUs)],
      clocksAtEnd: [sample(1, 10 + sec * rate, 1000 + masterSec, roundTripUs), sample(position + 1, 70, 9000)],
    };
  });
  return clockDriftsOf(results, 1);
}

const nodesOff = (drifts: ReturnType<typeof clockDriftsOf>): number[] =>
  drifts.flatMap((drift, position) =>
    drift === undefined || Math.abs(drift.driftSec) <= drift.toleranceSec ? [] : [position + 1],
  );

test("a node whose own clock runs fast is off, and damns no other", () => {
  const drifts = driftsOf([{}, { rate: 1.05 }, {}, {}]);
  expect(nodesOff(drifts)).toEqual([2]);
  expect(drifts[1]?.driftSec).toBeCloseTo(3, 6);
});

test("0.1 % is accepted", () => {
  expect(nodesOff(driftsOf([{}, { rate: 1.001 }, {}]))).toEqual([]);
});

const masters: [string, Parameters<typeof driftsOf>[1]][] = [
  ["runs 5 % fast", { rate: 1.05 }],
  ["was set by five minutes", { setBySec: 300 }],
  ["was set back by five minutes", { setBySec: -300 }],
];
test.for(masters)("a master whose wall clock %s damns nobody, whenever they came", ([, master]) => {
  expect(nodesOff(driftsOf([{}, {}, {}], master))).toEqual([]);
  expect(nodesOff(driftsOf([{ sec: 90 }, { sec: 61 }, { sec: 75 }, { sec: 62 }], master))).toEqual([]);
  expect(nodesOff(driftsOf([{ sec: 90 }, { sec: 61, rate: 1.05 }, { sec: 75 }, { sec: 62 }], master))).toEqual([2]);
});

test("a master that runs fast as a whole machine is the one that is off", () => {
  const results = [1.05, 1, 1].map((rate) => ({
    elapsedSec: 60 * rate,
    clocksAtRelease: [sample(1, 10, 1000)],
    clocksAtEnd: [sample(1, 10 + 60 * rate, 1000 + 60 * 1.05)],
  }));
  expect(nodesOff(clockDriftsOf(results, 1))).toEqual([1]);
});

test("of two nodes each is held against the other; one has nobody to be compared with", () => {
  expect(nodesOff(driftsOf([{}, { rate: 1.05 }]))).toEqual([1, 2]);
  expect(nodesOff(driftsOf([{}, { rate: 1.05 }], { setBySec: 300 }))).toEqual([1, 2]);
  expect(nodesOff(driftsOf([{}, {}], { setBySec: 300 }))).toEqual([]);
  expect(nodesOff(driftsOf([{}], { setBySec: 300 }))).toEqual([]);
});

test("0.2 % and 50 ms are accepted, and what the round trips leave open", () => {
  expect(driftsOf([{}, {}], {}, 0)[0]?.toleranceSec).toBeCloseTo(0.17, 9);
  expect(driftsOf([{}, {}], {}, 20_000)[0]?.toleranceSec).toBeCloseTo(0.21, 9);
});

test("of a node that did not sample the master at both ends nothing is known", () => {
  const other = { elapsedSec: 1, clocksAtRelease: [sample(1, 0, 0)], clocksAtEnd: [sample(2, 1, 1)] };
  expect(clockDriftsOf([other], 1)).toEqual([undefined]);
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
