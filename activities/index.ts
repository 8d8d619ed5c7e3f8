/** The activities as workflows see them: names, inputs, outputs. Workflows import this file for its types only. */

import type { RunRow } from "#model/result-row";
import type { Failure, NodeHandle, PreparedEnvironment, RunSpec, SweepRecord } from "#model/run";
import type { Environment } from "#model/spec";

/**
 * Polled on `host-<host>` by the worker of that host. Each may come twice and attaches to what already runs. Expected
 * failures are `ApplicationFailure`s whose type is the `FailureKind` and whose first detail is the `Failure`.
 */
export interface HostActivities {
  /** Pins image and facts for a sweep. */
  prepareEnvironment(input: { environment: Environment }): Promise<PreparedEnvironment>;

  /** Network and nodes, until every database answers. `deadlineAt` is UTC, ISO 8601. */
  provisionNodes(input: { run: RunSpec; deadlineAt: string }): Promise<{ nodes: NodeHandle[]; provisionSec: number }>;

  /** Hands out the work and follows until every node has left the barrier. */
  passBarrier(input: { run: RunSpec; nodes: NodeHandle[] }): Promise<void>;

  /** Follows until every node has its last acknowledgement. */
  followMainLoop(input: { run: RunSpec; nodes: NodeHandle[] }): Promise<void>;

  /** Follows until every node is done. */
  finaliseRun(input: { run: RunSpec; nodes: NodeHandle[] }): Promise<void>;

  /**
   * Fetches every node's result, proves every database, judges the run, and keeps the evidence on this host until it is
   * fetched. The row lacks `provision_s` and `teardown_s`, which the workflow knows.
   */
  collectRun(input: {
    run: RunSpec;
    nodes: NodeHandle[];
    startedAt: string;
  }): Promise<{ row: RunRow; evidenceParts: number }>;

  /** One part of the evidence that `collectRun` kept: gzip, base64, under 200 KB; parts count from 0. */
  fetchEvidence(input: { runId: string; part: number }): Promise<{ data: string }>;

  /** Removes all that carries the run's label. */
  destroyNodes(input: { runId: string }): Promise<{ removed: number; teardownSec: number }>;

  readNodeLogs(input: { runId: string; nodeIndex: number }): Promise<{ text: string }>;
}

/** Polled on `store` by the worker beside the results store. */
export interface StoreActivities {
  saveSweep(input: { sweep: SweepRecord }): Promise<void>;
  saveRun(input: { row: RunRow }): Promise<void>;
  /** Keeps one part; with the last one the evidence is unpacked and stored. Any order, any number of times. */
  saveEvidencePart(input: { runId: string; part: number; parts: number; data: string }): Promise<void>;
}

export type { Failure };
