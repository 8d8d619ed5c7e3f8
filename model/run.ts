/** What one run is made of: its point, the databases' sizes, and what the steps of its workflow hand each other. */

import type { FailureKind, FailureParticulars } from "#model/errors";
import type { WallClock } from "#model/clocks";
import type { RunGuards } from "#model/guards";
import type { NodeResult } from "#model/node-protocol";
import type { Client, Engine, Environment, Isolation, Mode, Phasing, Release, Resolve } from "#model/spec";

/** The durable steps, in their order. Failures, `CRASH_AT` and progress lines use these words. */
export const STEPS = ["provision", "sync", "main", "finalise", "collect", "teardown"] as const;
export type Step = (typeof STEPS)[number];

/** One combination of all factors. */
export interface Point {
  /** From 1, in declared order. */
  readonly index: number;
  readonly environment: string;
  readonly mode: Mode;
  readonly nodes: number;
  readonly ratePerMin: number;
  readonly aggregation: number;
  readonly durationSec: number;
  readonly engine: Engine;
  readonly client: Client;
  readonly release: Release;
  readonly resolve: Resolve;
  readonly phase: Phasing;
  readonly cpus: number;
  readonly memoryMib: number;
}

/** Sized from N·K by the plan, equal in all arms. */
export interface DatabaseSizing {
  readonly bufferPoolMib: number;
  readonly redoLogMib: number;
  readonly ramDiskMib: number;
  /** Upper bound of a MEMORY table, for `engine: memory`. */
  readonly heapTableMib: number;
}

/** What the environment turned out to be, pinned for a whole sweep. */
export interface PreparedEnvironment extends Environment {
  /** Content digest of the node image: `sha256:` and 64 hex digits. */
  readonly imageDigest: string;
  readonly isolation: Isolation;
  /** Recorded facts, such as kernel, CPU model, engine version; names sorted. */
  readonly facts: Readonly<Record<string, string>>;
}

/** All that the workflow and the activities of one run need. Plain data, the input of `benchmarkRunWorkflow`. */
export interface RunSpec {
  readonly runId: string;
  readonly sweepId: string;
  readonly point: Point;
  readonly repetition: number;
  readonly attempt: number;
  readonly seed: number;
  readonly environment: PreparedEnvironment;
  readonly sizing: DatabaseSizing;
  readonly warmupSec: number;
  readonly observe: "on" | "off";
  readonly keep: "never" | "on-failure";
  readonly deadlineSec: number;
  /** Commit of the node program's source, or "" outside a checkout. */
  readonly sourceSha: string;
}

/** Where a node answers. `index` counts from 1. */
export interface NodeHandle {
  readonly index: number;
  /** The provider's own id: container id, VM UUID. */
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** What DNS knows it by, where it is not `nodeHostname`. */
  readonly hostname?: string;
  /** From its start until it had an address, where that is not at once; absent where it was found running. */
  readonly bootSec?: number;
}

/** Progress of a phase, as heartbeat details: what a follower of the run sees. */
export interface StepProgress {
  readonly step: Step;
  readonly nodesDone: number;
  readonly nodes: number;
  /** Local tuples acknowledged so far, all nodes; main loop only. */
  readonly tuples?: number;
  readonly tuplesExpected?: number;
  /** What holds the step up, such as "a quiet host: 63 % foreign CPU". */
  readonly waitingFor?: string;
}

/** A failure as plain data, as it crosses from activities to workflows and into rows. */
export interface Failure extends FailureParticulars {
  readonly kind: FailureKind;
  readonly message: string;
}

/** What one database holds after the run, counted and digested in SQL. */
export interface DatabaseProof {
  readonly node: number;
  readonly rows: number;
  /** Primary keys are unique, so this differs from `rows` only where a key constraint was dropped. */
  readonly distinctRows: number;
  /** Unsigned 64 bits, as 16 lower-case hex digits. */
  readonly digest: string;
  readonly serverUptimeSec: number;
}

/** All that was measured of a run, as `evidence.json`. Its row, which comes later, is in the store beside it. */
export interface RunEvidence {
  readonly run: RunSpec;
  readonly nodes: readonly NodeHandle[];
  readonly results: readonly NodeResult[];
  readonly proofs: readonly DatabaseProof[];
  /** What went on around it. Runs of older versions have none. */
  readonly guards?: RunGuards;
  /** As the master saw them when the main loop began. */
  readonly wallClocks?: readonly WallClock[];
}

export interface SweepRecord {
  readonly sweepId: string;
  readonly name: string;
  readonly startedAt: string;
  /** FAILED: it broke off by itself, such as where an environment could not be prepared. */
  readonly status: "OPEN" | "PAUSED" | "DONE" | "CANCELLED" | "FAILED";
  /** The spec as JSON, normalised; a sweep pins it for its whole life. */
  readonly specJson: string;
  /** The rest of what it pins, as JSON: a `SweepPin`. Absent where it does not change. */
  readonly pinJson?: string;
  readonly runsPlanned: number;
}
