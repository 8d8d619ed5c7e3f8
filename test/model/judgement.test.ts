import { expect, test } from "vitest";
import { DEFAULT_GUARDS } from "#model/guards";
import type { OwnEffects, RunGuards } from "#model/guards";
import { judgeRun } from "#model/judgement";
import type { RunMeasurements } from "#model/judgement";
import type { ClockSample, NodeResult } from "#model/node-protocol";
import { RUN_ROW_COLUMNS } from "#model/result-row";
import type { DatabaseProof } from "#model/run";
import { measuredRun } from "#test/support/measured-run";
import { sampleRun } from "#test/support/sample-run";

const run = sampleRun({ point: { nodes: 3 } });

function withResult(measured: RunMeasurements, node: number, patch: Partial<NodeResult>): RunMeasurements {
  const results = measured.results.map((one) => (one.nodeIndex === node ? Object.assign({ ...one }, patch) : one));
  return { ...measured, results };
}

function withProof(measured: RunMeasurements, node: number, patch: Partial<DatabaseProof>): RunMeasurements {
  const proofs = measured.proofs.map((one) => (one.node === node ? Object.assign({ ...one }, patch) : one));
  return { ...measured, proofs };
}

test("a run that is proven and undisturbed is VALID, with every column but the workflow's own", async () => {
  const row = judgeRun(await measuredRun(run));
  expect(row).toMatchObject({ status: "VALID", reason: "", consistent: true, tuples_per_db: 60 });
  expect(Object.keys(row).sort()).toEqual([...RUN_ROW_COLUMNS].sort());
  const missing = RUN_ROW_COLUMNS.filter((column) => row[column] === null);
  expect(missing).toEqual(["provision_s", "teardown_s"]);
});

test("the deviation is that of the slowest node, with median and least beside it", async () => {
  const measured = await measuredRun(run); // 2 s expected
  const slow = withResult(withResult(measured, 1, { elapsedSec: 2.2 }), 2, { elapsedSec: 2.02 });
  const row = judgeRun(withResult(slow, 3, { elapsedSec: 2 }));
  expect(row.elapsed_s).toBe(2.2);
  expect(row.deviation_pct).toBeCloseTo(10, 6);
  expect(row.deviation_pct_median).toBeCloseTo(1, 6);
  expect(row.deviation_pct_min).toBe(0);
});

test("barrier skew is the spread of the releases", async () => {
  const measured = await measuredRun(run);
  const released = measured.results[0]!.releasedAtMasterUs;
  expect(judgeRun(withResult(measured, 2, { releasedAtMasterUs: released + 4000 })).barrier_skew_ms).toBe(4);
});

test("main_s reaches to the slowest node's last acknowledgement, and counts late leaving once", async () => {
  const measured = await measuredRun(run);
  const releasedAtMasterUs = measured.results[0]!.releasedAtMasterUs + 4000;
  const slow = withResult(measured, 2, { releasedAtMasterUs, elapsedSec: 2.5, mainSec: 2.5 });
  expect(judgeRun(slow).main_s).toBe(2.5);
  expect(judgeRun(withResult(slow, 3, { elapsedSec: 2.3, mainSec: 2.7 })).main_s).toBe(2.7); // staggered
});

test("a node without peers is late at nobody", async () => {
  const alone = await measuredRun(sampleRun({ point: { nodes: 1 } }));
  expect(judgeRun(alone)).toMatchObject({ lateness_remote_p50_ms: null, lateness_remote_p99_ms: null });
});

test("a main loop under 30 s is not quotable", async () => {
  expect(judgeRun(await measuredRun(run)).quotable).toBe(false);
  const long = sampleRun({ point: { nodes: 1, ratePerMin: 60, durationSec: 30 } });
  expect(judgeRun(await measuredRun(long)).quotable).toBe(true);
});

const disturbances: [string, Partial<NodeResult>, string, RegExp][] = [
  ["a pause of 2 s", { longestGapMs: 2000 }, "INVALID", /^gap: .*2000 ms.*node 2/],
  ["a replaced connection", { reconnects: 1 }, "SUSPECT", /^reconnect: 1 connections.*node 2/],
  ["another protocol", { protocol: 99 }, "FAILED", /^protocol: .*protocol 99/],
  ["another run's result", { runId: "other-p1-r1-a1" }, "FAILED", /^protocol: .*run other/],
  ["no clock samples", { clocksAtEnd: [] }, "INVALID", /^clock: .*node 2/],
];
test.for(disturbances)("%s ends it, naming node and kind", async ([, patch, status, reason]) => {
  const row = judgeRun(withResult(await measuredRun(run), 2, patch));
  expect(row).toMatchObject({ status, consistent: true });
  expect(row.reason).toMatch(reason);
  expect(row.reason).toMatch(/ \(in (main|collect), (node \d+, )?host here\); /);
});

test("a late acknowledgement is what is measured, not a gap", async () => {
  const measured = await measuredRun(run);
  const latenessRemote = { ...measured.results[1]!.latenessRemote, p99Ms: 5000, maxMs: 9000 };
  expect(judgeRun(withResult(measured, 2, { latenessRemote }))).toMatchObject({
    status: "VALID",
    lateness_remote_p99_ms: 5000,
  });
});

test("a node that left the barrier over a second late is INVALID(gap)", async () => {
  const measured = await measuredRun(run);
  const releasedAtMasterUs = measured.results[2]!.releasedAtMasterUs + 1_200_000;
  expect(judgeRun(withResult(measured, 3, { releasedAtMasterUs }))).toMatchObject({
    status: "INVALID",
    reason: expect.stringMatching(
      /^gap: left the barrier 1200 ms after the first \(in sync, node 3, host here\)/,
    ) as string,
  });
});

test("a database that is younger than its work has restarted, whatever it holds", async () => {
  const row = judgeRun(withProof(await measuredRun(run), 3, { serverUptimeSec: 1 }));
  expect(row).toMatchObject({ status: "INVALID", consistent: true });
  expect(row.reason).toMatch(/^db crash: .*up for 1 s.*node 3/);
});

test("a missing row outweighs what else was wrong", async () => {
  const measured = withResult(await measuredRun(run), 1, { longestGapMs: 3000, reconnects: 2 });
  const row = judgeRun(withProof(measured, 3, { rows: 59, distinctRows: 59 }));
  expect(row).toMatchObject({ status: "INVALID", consistent: false, tuples_per_db: 59 });
  expect(row.reason).toContain("digest mismatch: node 3 holds 59 rows, expected 60");
});

/** The node's own clock runs this much faster than all databases'. */
const driftBy = (share: number, { elapsedSec, clocksAtEnd }: NodeResult): readonly ClockSample[] =>
  clocksAtEnd.map((sample) => ({ ...sample, monotonicUs: sample.monotonicUs + share * elapsedSec * 1e6 }));

test("a monotonic clock that is 5 % off is INVALID(clock), and 0.1 % is recorded only", async () => {
  const measured = await measuredRun(run);
  const result = measured.results[1]!;
  const fast = judgeRun(withResult(measured, 2, { clocksAtEnd: driftBy(0.05, result) }));
  expect(fast.status).toBe("INVALID");
  expect(fast.reason).toMatch(/^clock: elapsed time is 95\.\d ms off.*node 2/);
  expect(judgeRun(withResult(measured, 2, { clocksAtEnd: driftBy(0.001, result) })).status).toBe("VALID");
});

const wallClockOff = (clocks: readonly ClockSample[], peer: number, offsetUs: number) =>
  clocks.map((one) => (one.peer === peer ? Object.assign({ ...one }, { databaseUs: one.databaseUs + offsetUs }) : one));

test("a node whose wall clock is five minutes off changes no duration", async () => {
  const measured = await measuredRun(run);
  const results = measured.results.map((result) =>
    Object.assign(
      { ...result },
      {
        clocksAtRelease: wallClockOff(result.clocksAtRelease, 3, 300e6),
        clocksAtEnd: wallClockOff(result.clocksAtEnd, 3, 300e6),
      },
    ),
  );
  expect(judgeRun({ ...measured, results })).toEqual(judgeRun(measured));
});

/** Others had this share of the host's CPU, for a while that one. */
const guardsWith = (cpuPct: number, worstCpuPct = cpuPct, enginesGone: readonly string[] = []): RunGuards => {
  const foreign = { cpuPct, worstCpuPct, enginesGone, programs: [] };
  return { cpus: 2, sampledSec: 2, foreign, own: {} as OwnEffects, nodes: [], samples: { columns: [], rows: [] } };
};
const thresholds = { ...DEFAULT_GUARDS, foreignCpuPct: 25 };

const foreign: [string, RunGuards, string, RegExp][] = [
  ["nobody else", guardsWith(3), "VALID", /^$/],
  [
    "43 % of others",
    guardsWith(43),
    "INVALID",
    /^noisy host: 43 % of the host's CPU was foreign, limit 25 % \(in main, host here\); stop/,
  ],
  ["a burst", guardsWith(20, 60), "SUSPECT", /^load burst: 60 % .* for 10 s, limit 25 %/],
  [
    "another engine at the end",
    guardsWith(3, 3, ["dockerd, process 1,"]),
    "INVALID",
    /^engine restart: dockerd, process 1/,
  ],
  ["a host elsewhere", "not sampled", "VALID", /^$/],
  ["samples that are lost", "samples lost", "SUSPECT", /^unwatched: .*lost \(in main, host here\); see that/],
];
test.for(foreign)("with %s on the host the data is proven all the same", async ([, guards, status, reason]) => {
  const row = judgeRun({ ...(await measuredRun(run)), guards, thresholds });
  expect(row).toMatchObject({ status, consistent: true });
  expect(row.reason).toMatch(reason);
});

test("an engine whose containers outlive it may restart, as long as no node stood still", async () => {
  const liveRestore = sampleRun({ point: { nodes: 3 }, environment: { facts: { live_restore: "true" } } });
  const restarted = { ...(await measuredRun(liveRestore)), guards: guardsWith(3, 3, ["dockerd, process 1,"]) };
  expect(judgeRun(restarted)).toMatchObject({ status: "VALID", reason: "" });
  expect(judgeRun(withResult(restarted, 2, { longestGapMs: 3000 })).reason).toMatch(/^gap: .*node 2/);
});

test("a noisy host explains a gap, and outweighs a replaced connection", async () => {
  const disturbed = withResult(await measuredRun(run), 1, { longestGapMs: 3000, reconnects: 2 });
  expect(judgeRun({ ...disturbed, guards: guardsWith(43), thresholds }).reason).toMatch(/^noisy host/);
  expect(judgeRun({ ...disturbed, guards: guardsWith(3), thresholds }).reason).toMatch(/^gap/);
});

test("the operator's limit for gaps counts", async () => {
  const paused = withResult(await measuredRun(run), 1, { longestGapMs: 1500 });
  expect(judgeRun({ ...paused, thresholds: { ...thresholds, gapMs: 2000 } }).status).toBe("VALID");
});

test("a missing proof is a bug, not a verdict", async () => {
  const measured = await measuredRun(run);
  expect(() => judgeRun({ ...measured, proofs: measured.proofs.slice(1) })).toThrow(RangeError);
});
