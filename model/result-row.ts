/** One row per run: the CSV columns and JSON keys other programs read. A column is never renamed or dropped. */

import type { RunStatus } from "#model/errors";
import type { SweepRecord } from "#model/run";
import type { Client, Engine, Isolation, Mode, Phasing, ProviderName, Release, Resolve } from "#model/spec";

/** `null` where a run ended before the value was known. */
export interface RunRow {
  sweep_id: string;
  run_id: string;
  repetition: number;
  attempt: number;
  status: RunStatus;
  /** Why it is not VALID; "" where it is. */
  reason: string;
  /** False for main loops under 30 s: their fixed costs weigh too much. */
  quotable: boolean;
  environment: string;
  provider: ProviderName;
  isolation: Isolation;
  host: string;
  mode: Mode;
  nodes: number;
  rate_per_min: number;
  aggregation: number;
  duration_s: number;
  engine: Engine;
  client: Client;
  release: Release;
  resolve: Resolve;
  phase: Phasing;
  cpus: number;
  memory_mib: number;
  source_sha: string;
  seed: number;
  /** UTC, ISO 8601. */
  started_at: string;
  /** K·60/D. */
  expected_s: number;
  /**
   * Of the slowest node, by its monotonic clock. Of a run that hit its deadline in the main loop, the least it would have
   * been: what Temporal's wall clock counted from the step's beginning to the deadline. `null` of all other unfinished runs.
   */
  elapsed_s: number | null;
  /** Of the slowest node: the benchmark ends when all have. */
  deviation_pct: number | null;
  deviation_pct_median: number | null;
  deviation_pct_min: number | null;
  lateness_local_p50_ms: number | null;
  lateness_local_p99_ms: number | null;
  lateness_remote_p50_ms: number | null;
  lateness_remote_p99_ms: number | null;
  /** N·K. */
  tuples_per_db_expected: number;
  /** Of the database that differs most from it. */
  tuples_per_db: number | null;
  /** Every database holds exactly the expected tuples. */
  consistent: boolean | null;
  digest: string | null;
  barrier_skew_ms: number | null;
  /** This and the following: of an unfinished run by Temporal's wall clock, waiting for a worker included. */
  provision_s: number | null;
  sync_s: number | null;
  main_s: number | null;
  finalise_s: number | null;
  collect_s: number | null;
  teardown_s: number | null;
  /** Names the recorded facts of the environment; equal facts, equal fingerprint. */
  fingerprint: string | null;
}

/** The columns in their published order. */
export const RUN_ROW_COLUMNS = [
  "sweep_id",
  "run_id",
  "repetition",
  "attempt",
  "status",
  "reason",
  "quotable",
  "environment",
  "provider",
  "isolation",
  "host",
  "mode",
  "nodes",
  "rate_per_min",
  "aggregation",
  "duration_s",
  "engine",
  "client",
  "release",
  "resolve",
  "phase",
  "cpus",
  "memory_mib",
  "source_sha",
  "seed",
  "started_at",
  "expected_s",
  "elapsed_s",
  "deviation_pct",
  "deviation_pct_median",
  "deviation_pct_min",
  "lateness_local_p50_ms",
  "lateness_local_p99_ms",
  "lateness_remote_p50_ms",
  "lateness_remote_p99_ms",
  "tuples_per_db_expected",
  "tuples_per_db",
  "consistent",
  "digest",
  "barrier_skew_ms",
  "provision_s",
  "sync_s",
  "main_s",
  "finalise_s",
  "collect_s",
  "teardown_s",
  "fingerprint",
] as const satisfies readonly (keyof RunRow)[];

/** What `meshbench run … --json` prints when it ends. */
export interface SweepDocument {
  readonly sweep_id: string;
  readonly status: SweepRecord["status"];
  readonly runs: readonly RunRow[];
  /** What has to be said beside rows; absent where there is nothing. */
  readonly notes?: readonly { readonly run_id: string; readonly note: string }[];
}
