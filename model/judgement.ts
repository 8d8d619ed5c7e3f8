/** From what was measured and proven to the row of a finished run: VALID, or why not. */

import { clockDriftsOf } from "#model/clocks";
import { FAILURES, formatReason } from "#model/errors";
import { DEFAULT_GUARDS, foreignFailureOf } from "#model/guards";
import type { GuardThresholds, RunGuards } from "#model/guards";
import { PROTOCOL_VERSION } from "#model/node-protocol";
import type { NodeResult } from "#model/node-protocol";
import { expectedSecOf, tupleCountOf } from "#model/plan";
import type { RunRow } from "#model/result-row";
import type { DatabaseProof, Failure, RunSpec, Step } from "#model/run";
import { deviationPct, plannedColumnsOf } from "#model/run-row";
import { median } from "#model/statistics";

/** All that a judgement rests on. Results and proofs are those of all nodes, in the order of their indices. */
export interface RunMeasurements {
  readonly run: RunSpec;
  /** From 1. */
  readonly masterIndex: number;
  /** UTC, ISO 8601. */
  readonly startedAt: string;
  readonly results: readonly NodeResult[];
  readonly proofs: readonly DatabaseProof[];
  /** What each database must hold, by node index − 1, recomputed from the seed. */
  readonly expectedDigests: readonly string[];
  /** `runDigest` of the proofs. */
  readonly digest: string;
  readonly fingerprint: string;
  /** `null` where nobody measured the whole of it. */
  readonly collectSec: number | null;
  /** What was sampled on the host. */
  readonly guards?: RunGuards;
  readonly thresholds?: GuardThresholds;
}

/**
 * The row lacks `provision_s` and `teardown_s`, which only the workflow knows. `elapsed_s` and `deviation_pct` are those
 * of the slowest node; each lateness is that of the node where it is largest, and `null` where there is nobody to be late
 * at; `main_s` is the longest that a node took from its t0 to its last acknowledgement.
 * @throws {RangeError} If a node's result or proof is missing.
 */
export function judgeRun(measured: RunMeasurements): RunRow {
  const { run, results, proofs } = measured;
  if (results.length !== run.point.nodes || proofs.length !== run.point.nodes) {
    throw new RangeError(`${results.length} results and ${proofs.length} proofs of ${run.point.nodes} nodes`);
  }
  const failure = firstFailureOf(measured);
  const where = { step: "main", host: run.environment.host, ...failure };
  return {
    ...plannedColumnsOf(run, measured.startedAt),
    ...measuredColumnsOf(measured),
    status: failure === undefined ? "VALID" : FAILURES[failure.kind].endsAs,
    reason: failure === undefined ? "" : formatReason(failure.kind, failure.message, where),
    consistent: checkDatabases(measured) === undefined,
    digest: measured.digest,
    fingerprint: measured.fingerprint,
    provision_s: null,
    collect_s: measured.collectSec,
    teardown_s: null,
  };
}

function measuredColumnsOf({ run, results, proofs }: RunMeasurements) {
  const expectedSec = expectedSecOf(run.point);
  const deviations = results.map(({ elapsedSec }) => deviationPct(elapsedSec, expectedSec));
  const released = results.map(({ releasedAtMasterUs }) => releasedAtMasterUs);
  const firstReleaseUs = Math.min(...released);
  const largest = (of: (result: NodeResult) => number) => Math.max(...results.map(of));
  const hasRemotes = run.point.nodes > 1;
  return {
    elapsed_s: largest((result) => result.elapsedSec),
    deviation_pct: Math.max(...deviations),
    deviation_pct_median: median(deviations),
    deviation_pct_min: Math.min(...deviations),
    lateness_local_p50_ms: largest((result) => result.latenessLocal.p50Ms),
    lateness_local_p99_ms: largest((result) => result.latenessLocal.p99Ms),
    lateness_remote_p50_ms: hasRemotes ? largest((result) => result.latenessRemote.p50Ms) : null,
    lateness_remote_p99_ms: hasRemotes ? largest((result) => result.latenessRemote.p99Ms) : null,
    tuples_per_db: mostDifferent(proofs, rowsExpectedOf(run)),
    barrier_skew_ms: (Math.max(...released) - firstReleaseUs) / 1000,
    sync_s: largest((result) => result.syncSec),
    main_s: largest((result) => result.mainSec ?? result.elapsedSec),
    finalise_s: largest((result) => result.finaliseSec),
  } satisfies Partial<RunRow>;
}

function mostDifferent(proofs: readonly DatabaseProof[], expected: number): number {
  const counts = proofs.map(({ rows }) => rows);
  return counts.toSorted((a, b) => Math.abs(b - expected) - Math.abs(a - expected))[0] ?? 0;
}

const rowsExpectedOf = ({ point }: RunSpec): number => point.nodes * tupleCountOf(point);

type Check = (measured: RunMeasurements) => Failure | undefined;

/**
 * With the step in which it happened. The gravest first: where several fail, the row names the one that explains the
 * others.
 */
const CHECKS: readonly (readonly [Step, Check])[] = [
  ["collect", checkProtocol],
  ["main", checkRestarts],
  ["collect", checkDatabases],
  ["main", checkOthers],
  ["sync", checkRelease],
  ["main", checkGaps],
  ["main", checkClocks],
  ["main", checkReconnects],
  ["main", checkBursts],
];

function firstFailureOf(measured: RunMeasurements): Failure | undefined {
  const { host } = measured.run.environment;
  for (const [step, check] of CHECKS) {
    const failure = check(measured);
    if (failure !== undefined) return { step, host, ...failure };
  }
  return undefined;
}

function checkProtocol({ run, results }: RunMeasurements): Failure | undefined {
  const tupleCount = tupleCountOf(run.point);
  const stray = results.find(
    (result, position) =>
      result.protocol !== PROTOCOL_VERSION ||
      result.runId !== run.runId ||
      result.nodeIndex !== position + 1 ||
      result.tupleCount !== tupleCount,
  );
  if (stray === undefined) return undefined;
  const told = `protocol ${stray.protocol}, run ${stray.runId}, node ${stray.nodeIndex}, ${stray.tupleCount} tuples`;
  return {
    kind: "protocol",
    message: `a result says ${told}; expected protocol ${PROTOCOL_VERSION}, ${tupleCount} tuples of this run`,
    step: "collect",
    node: results.indexOf(stray) + 1,
  };
}

/** A database younger than its node's work lost its memory in between, whatever it holds now. */
function checkRestarts({ results, proofs }: RunMeasurements): Failure | undefined {
  for (const proof of proofs) {
    const result = results[proof.node - 1];
    if (result === undefined) continue;
    const workedSec = result.syncSec + result.elapsedSec + result.finaliseSec;
    // Servers tell their uptime in whole seconds.
    if (proof.serverUptimeSec + 1 >= workedSec) continue;
    const message = `the database is up for ${proof.serverUptimeSec} s after ${workedSec.toFixed(1)} s of work: it restarted`;
    return { kind: "db crash", message, node: proof.node };
  }
  return undefined;
}

function checkDatabases({ run, proofs, expectedDigests }: RunMeasurements): Failure | undefined {
  const expected = rowsExpectedOf(run);
  const mismatches = proofs.flatMap((proof) => {
    const difference = describeDifference(proof, expected, expectedDigests[proof.node - 1]);
    return difference === undefined ? [] : [`node ${proof.node} ${difference}`];
  });
  if (mismatches.length === 0) return undefined;
  const extent = mismatches.length === 1 ? "" : `, ${mismatches.length} of ${proofs.length} databases differ`;
  return { kind: "digest mismatch", message: `${mismatches[0]}${extent}`, step: "collect" };
}

function describeDifference(
  { rows, distinctRows, digest }: DatabaseProof,
  rowsExpected: number,
  digestExpected: string | undefined,
): string | undefined {
  if (rows !== rowsExpected) return `holds ${rows} rows, expected ${rowsExpected}`;
  if (distinctRows !== rows) return `holds ${rows} rows, of which only ${distinctRows} are distinct`;
  if (digest !== digestExpected)
    return `holds ${rows} rows as expected, but digest ${digest}, expected ${digestExpected}`;
  return undefined;
}

/** Before gaps and reconnects, which other load on the host explains. */
function checkOthers(measured: RunMeasurements): Failure | undefined {
  const failure = checkBursts(measured);
  return failure !== undefined && FAILURES[failure.kind].endsAs === "SUSPECT" ? undefined : failure;
}

function checkBursts({ run, guards, thresholds = DEFAULT_GUARDS }: RunMeasurements): Failure | undefined {
  const nodesOutliveEngine = run.environment.facts["live_restore"] === "true";
  return foreignFailureOf(guards, thresholds, { nodesOutliveEngine });
}

/** A node that was held up between release and t0 shows no gap of its own, but leaves late. */
function checkRelease({ results, thresholds = DEFAULT_GUARDS }: RunMeasurements): Failure | undefined {
  const first = Math.min(...results.map(({ releasedAtMasterUs }) => releasedAtMasterUs));
  const last = results.toSorted((a, b) => b.releasedAtMasterUs - a.releasedAtMasterUs)[0];
  if (last === undefined) return undefined;
  const lateMs = (last.releasedAtMasterUs - first) / 1000;
  if (lateMs <= thresholds.gapMs) return undefined;
  return { kind: "gap", message: `left the barrier ${Math.round(lateMs)} ms after the first`, node: last.nodeIndex };
}

function checkGaps({ results, thresholds: { gapMs } = DEFAULT_GUARDS }: RunMeasurements): Failure | undefined {
  const worst = results.toSorted((a, b) => b.longestGapMs - a.longestGapMs)[0];
  if (worst === undefined || worst.longestGapMs <= gapMs) return undefined;
  const message = `the node's timer was silent for ${Math.round(worst.longestGapMs)} ms, limit ${gapMs} ms`;
  return { kind: "gap", message, node: worst.nodeIndex };
}

function checkClocks({ results, masterIndex }: RunMeasurements): Failure | undefined {
  for (const [position, drift] of clockDriftsOf(results, masterIndex).entries()) {
    const node = position + 1;
    if (drift === undefined) return { kind: "clock", message: "the master's clock was not sampled", node };
    if (Math.abs(drift.driftSec) <= drift.toleranceSec) continue;
    const [off, limit] = [drift.driftSec, drift.toleranceSec].map((sec) => `${(sec * 1000).toFixed(1)} ms`);
    return { kind: "clock", message: `elapsed time is ${off} off the peers' median, limit ${limit}`, node };
  }
  return undefined;
}

function checkReconnects({ results }: RunMeasurements): Failure | undefined {
  const broken = results.filter(({ reconnects }) => reconnects > 0);
  const first = broken[0];
  if (first === undefined) return undefined;
  const total = broken.reduce((sum, { reconnects }) => sum + reconnects, 0);
  return { kind: "reconnect", message: `${total} connections were replaced`, node: first.nodeIndex };
}
