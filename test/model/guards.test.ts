import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FAILURES } from "#model/errors";
import {
  DEFAULT_GUARDS,
  foreignCpuPct,
  foreignFailureOf,
  guardRecordOf,
  merged,
  SAMPLES_KEPT,
  worstForeignCpuPct,
} from "#model/guards";
import type { GuardEntry, GuardRecord, HostInterval, NodeCounters } from "#model/guards";

const CPUS = 4;
const LIMITS = { ...DEFAULT_GUARDS, foreignCpuPct: 25 };

/** One second, the `second`th, in which others had `foreign` of the four processors. */
function interval(second: number, foreign: number, patch: Partial<HostInterval> = {}): HostInterval {
  return {
    endMs: 1000 * second,
    sec: 1,
    busySec: foreign + 1,
    ownSec: 1,
    irqSec: 0.1,
    stealSec: 0.2,
    cpuPressureSec: 0.5,
    softnetDropped: 1,
    softnetSqueezed: 0,
    neighbourOverflows: 0,
    conntrackDropped: null,
    ...patch,
  };
}

const counters = (node: number, patch: Partial<NodeCounters> = {}): NodeCounters => ({
  node,
  cpuSec: 1,
  throttledSec: 0.5,
  throttledPeriods: 5,
  listenOverflows: 0,
  listenDrops: 0,
  tcpTimeouts: null,
  ...patch,
});

const ENGINES = ["dockerd, process 10,"];

function logOf(intervals: readonly HostInterval[], engines: readonly string[] = ENGINES): GuardEntry[] {
  const programs = [{ name: "stress", cpuSec: 0.9 }];
  return [
    { type: "begin", cpus: CPUS, engines: ENGINES, nodes: [counters(1), counters(2)] },
    ...intervals.map((one): GuardEntry => ({ type: "interval", interval: one, programs })),
    { type: "end", engines, nodes: [counters(1, { throttledSec: 2 }), counters(2, { cpuSec: 4, listenDrops: 3 })] },
  ];
}

function recordOf(entries: readonly GuardEntry[]): GuardRecord {
  const record = guardRecordOf(entries);
  if (record === "not sampled") throw new Error(record);
  return record;
}

const seconds = (count: number, foreign: (second: number) => number) =>
  Array.from({ length: count }, (_, position) => interval(position + 1, foreign(position + 1)));

test("other load over the whole main loop is a noisy host, with share, culprit and limit", () => {
  const record = recordOf(logOf(seconds(60, () => 1.72)));
  const failure = foreignFailureOf(record, LIMITS);
  expect(failure).toEqual({
    kind: "noisy host",
    message: "43 % of the host's CPU was foreign, most of it stress (23 %), limit 25 %",
  });
  expect(FAILURES["noisy host"].endsAs).toBe("INVALID");
});

const burstOf = (length: number) => recordOf(logOf(seconds(60, (second) => (second <= length ? 2 : 0))));

test("a burst of 10 s makes a run SUSPECT, a shorter one nothing", () => {
  expect(foreignFailureOf(burstOf(10), LIMITS)).toMatchObject({ kind: "load burst" });
  expect(FAILURES["load burst"].endsAs).toBe("SUSPECT");
  expect(foreignFailureOf(burstOf(4), LIMITS)).toBeUndefined();
});

const OVERLOAD = { busySec: 4, ownSec: 4, softnetDropped: 1e6, neighbourOverflows: 1e5, stealSec: 3 };

test("what a run's own load does never makes it less than VALID", () => {
  const record = recordOf(logOf(Array.from({ length: 20 }, (_, position) => interval(position + 1, 0, OVERLOAD))));
  expect(foreignFailureOf(record, LIMITS)).toBeUndefined();
  expect(record.own).toMatchObject({ busyPct: 100, stealPct: 75, softnetDropped: 2e7, neighbourOverflows: 2e6 });
});

test("an engine that was there at the beginning only has restarted", () => {
  const record = recordOf(
    logOf(
      seconds(5, () => 0),
      ["dockerd, process 99,"],
    ),
  );
  expect(foreignFailureOf(record, LIMITS)).toEqual({
    kind: "engine restart",
    message: "dockerd, process 10, was gone when the main loop ended",
  });
});

test("a limit of 100 % lets any load pass", () => {
  const record = recordOf(logOf(seconds(20, () => 4)));
  expect(foreignFailureOf(record, { ...LIMITS, foreignCpuPct: 100 })).toBeUndefined();
});

test("nothing is guessed where nothing was sampled", () => {
  expect(guardRecordOf([])).toBe("not sampled");
  expect(guardRecordOf(logOf([]))).toBe("not sampled");
  for (const guards of ["not sampled", undefined] as const) expect(foreignFailureOf(guards, LIMITS)).toBeUndefined();
});

test("nodes' counters are what grew in the main loop; what a node does not tell stays unknown", () => {
  const { nodes, own } = recordOf(logOf(seconds(2, () => 0)));
  expect(nodes).toMatchObject([
    { node: 1, throttledSec: 1.5, listenDrops: 0, tcpTimeouts: null },
    { node: 2, cpuSec: 3, throttledSec: 0, listenDrops: 3, tcpTimeouts: null },
  ]);
  expect(own).toMatchObject({ throttledSec: 1.5, listenDrops: 3, tcpTimeouts: null, conntrackDropped: null });
});

test("time that two workers sampled counts once, and time that none did does not count", () => {
  const twice = [interval(1, 0), interval(2, 0), interval(2.4, 4), interval(20, 0)];
  expect(recordOf(logOf(twice))).toMatchObject({ sampledSec: 3, foreign: { cpuPct: 0 } });
});

test("an hour of samples stays under 20 KB", () => {
  let random = 1;
  const next = () => (random = (random * 16_807) % 2_147_483_647) / 2_147_483_647;
  const record = recordOf(logOf(seconds(3600, () => next() * 3)));
  expect(record.samples.rows).toHaveLength(SAMPLES_KEPT);
  expect(gzipSync(JSON.stringify(record)).length).toBeLessThan(20_000);
});

const dropped = (intervals: readonly HostInterval[]) =>
  intervals.reduce((sum, { softnetDropped }) => sum + (softnetDropped ?? 0), 0);

const anyInterval = fc
  .record({
    busySec: fc.double({ min: 0, max: CPUS, noNaN: true }),
    ownShare: fc.double({ min: 0, max: 1, noNaN: true }),
    softnetDropped: fc.option(fc.nat(1000)),
  })
  .map(({ busySec, ownShare, softnetDropped }) =>
    interval(0, 0, { busySec, ownSec: busySec * ownShare, softnetDropped }),
  );
const anyIntervals = fc
  .array(anyInterval, { minLength: 1, maxLength: 200 })
  .map((intervals) => intervals.map((one, position) => ({ ...one, endMs: 1000 * position })));

test("a share is between 0 and 100, and the worst stretch is no better than the whole", () => {
  fc.assert(
    fc.property(anyIntervals, (intervals) => {
      const [mean, worst] = [foreignCpuPct(intervals, CPUS), worstForeignCpuPct(intervals, CPUS)];
      for (const share of [mean, worst]) expect(share >= 0 && share <= 100).toBe(true);
      // Stretches of 10 s cover all but less than one of them.
      const covered = Math.floor(intervals.length / 10) * 10;
      expect(worst + 1e-9).toBeGreaterThanOrEqual(foreignCpuPct(intervals.slice(0, covered), CPUS));
    }),
  );
});

test("adding samples up changes no sum, and leaves at most as many as asked", () => {
  fc.assert(
    fc.property(anyIntervals, fc.integer({ min: 1, max: 50 }), (intervals, most) => {
      const fewer = merged(intervals, most);
      expect(fewer.length).toBeLessThanOrEqual(most);
      expect(foreignCpuPct(fewer, CPUS)).toBeCloseTo(foreignCpuPct(intervals, CPUS), 6);
      expect(dropped(fewer)).toBe(dropped(intervals));
      expect(fewer.at(-1)?.endMs).toBe(intervals.at(-1)?.endMs);
    }),
  );
});

test("more foreign load never makes a verdict better", () => {
  const gravity = { none: 0, "load burst": 1, "noisy host": 2 } as const;
  const verdictOf = (intervals: readonly HostInterval[]) => {
    const failure = foreignFailureOf(recordOf(logOf(intervals)), LIMITS);
    return gravity[(failure?.kind ?? "none") as keyof typeof gravity];
  };
  fc.assert(
    fc.property(anyIntervals, fc.double({ min: 0, max: 2, noNaN: true }), (intervals, more) => {
      const louder = intervals.map((one) => ({ ...one, busySec: one.busySec + more }));
      expect(verdictOf(louder)).toBeGreaterThanOrEqual(verdictOf(intervals));
    }),
  );
});
