/** Result rows of runs, from what is known before a run and after one that did not end as planned. */

import { FAILURES, formatReason } from "#model/errors";
import type { FailureKind } from "#model/errors";
import { partsOfRunId } from "#model/ids";
import { expectedSecOf, QUOTABLE_FROM_SEC, tupleCountOf } from "#model/plan";
import type { FactorColumn } from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import type { Failure, Point, RunSpec, Step } from "#model/run";
import type { PastAttempt } from "#model/sweep-work";

/** What was measured of a run before it broke off. */
export type PartialMeasurement = Partial<
  Pick<RunRow, "elapsed_s" | "provision_s" | "sync_s" | "main_s" | "finalise_s" | "collect_s" | "teardown_s">
>;

/** Where a row has how long each step took. */
export const STEP_COLUMNS = {
  provision: "provision_s",
  sync: "sync_s",
  main: "main_s",
  finalise: "finalise_s",
  collect: "collect_s",
  teardown: "teardown_s",
} as const satisfies Record<Step, keyof PartialMeasurement>;

/** The identity and the factors of a run, which are known before it starts. */
export type PlannedColumns = Omit<RunRow, "status" | "reason" | keyof typeof UNMEASURED>;

/** @param startedAt - UTC, ISO 8601. */
export function plannedColumnsOf(run: RunSpec, startedAt: string): PlannedColumns {
  const { point, environment } = run;
  return {
    sweep_id: run.sweepId,
    run_id: run.runId,
    repetition: run.repetition,
    attempt: run.attempt,
    quotable: point.durationSec >= QUOTABLE_FROM_SEC,
    provider: environment.provider,
    isolation: environment.isolation,
    host: environment.host,
    ...factorColumnsOf(point),
    source_sha: run.sourceSha,
    seed: run.seed,
    started_at: startedAt,
    expected_s: expectedSecOf(point),
    tuples_per_db_expected: point.nodes * tupleCountOf(point),
  };
}

/** A point as rows and documents name it. */
export const factorColumnsOf = (point: Point): Pick<RunRow, FactorColumn> => ({
  environment: point.environment,
  mode: point.mode,
  nodes: point.nodes,
  rate_per_min: point.ratePerMin,
  aggregation: point.aggregation,
  duration_s: point.durationSec,
  engine: point.engine,
  client: point.client,
  release: point.release,
  resolve: point.resolve,
  phase: point.phase,
  cpus: point.cpus,
  memory_mib: point.memoryMib,
});

/**
 * The row of a run that failed, was disturbed or was cancelled. A failure's kind decides the status.
 * @param measured - What is known all the same. With `deadline`, `elapsed_s` is the least it would have been: the
 *   deviation is computed from it, and drawn as "≥".
 */
export function rowOfUnfinishedRun(input: {
  readonly run: RunSpec;
  readonly startedAt: string;
  readonly failure: Failure;
  readonly measured?: PartialMeasurement;
}): RunRow {
  const { kind, message, ...particulars } = input.failure;
  const planned = plannedColumnsOf(input.run, input.startedAt);
  const elapsedSec = input.measured?.elapsed_s ?? null;
  return {
    ...UNMEASURED,
    ...planned,
    ...input.measured,
    deviation_pct: elapsedSec === null ? null : deviationPct(elapsedSec, planned.expected_s),
    status: FAILURES[kind].endsAs,
    reason: formatReason(kind, message, particulars),
  };
}

/** Whether another attempt may do better: the rule of the failure's kind, which the reason begins with. */
export function deservesFreshRun({ status, reason }: Pick<RunRow, "status" | "reason">): boolean {
  const kind = reason.slice(0, Math.max(0, reason.indexOf(":")));
  if (status !== "INVALID" && status !== "FAILED") return false;
  return Object.hasOwn(FAILURES, kind) && FAILURES[kind as FailureKind].retry === "fresh-run";
}

/** What a row says about how a sweep goes on. */
export function pastAttemptOf(row: RunRow): PastAttempt {
  const { point, repetition, attempt } = partsOfRunId(row.run_id);
  return { point, repetition, attempt, status: row.status, deservesFreshRun: deservesFreshRun(row) };
}

/** (elapsed − expected) / expected, in percent. */
export const deviationPct = (elapsedSec: number, expectedSec: number): number =>
  ((elapsedSec - expectedSec) / expectedSec) * 100;

/** What is known only once a run has got that far. */
export const UNMEASURED = {
  elapsed_s: null,
  deviation_pct: null,
  deviation_pct_median: null,
  deviation_pct_min: null,
  lateness_local_p50_ms: null,
  lateness_local_p99_ms: null,
  lateness_remote_p50_ms: null,
  lateness_remote_p99_ms: null,
  tuples_per_db: null,
  consistent: null,
  digest: null,
  barrier_skew_ms: null,
  provision_s: null,
  sync_s: null,
  main_s: null,
  finalise_s: null,
  collect_s: null,
  teardown_s: null,
  fingerprint: null,
} as const satisfies Partial<RunRow>;
