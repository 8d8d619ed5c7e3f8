/** The activities as workflows see them: names, inputs, outputs. Workflows import this file for its types only. */

import type { HostRequest } from "#model/host-queue";
import type { RunRow } from "#model/result-row";
import type { Failure, NodeHandle, PreparedEnvironment, RunSpec, SweepRecord } from "#model/run";
import type { Environment } from "#model/spec";

/**
 * Polled on `host-<host>` by the worker of that host. Each may come twice and attaches to what already runs. Expected
 * failures are `ApplicationFailure`s whose type is the `FailureKind` and whose first detail is the `Failure`. Each
 * heartbeats every 2 s or more often, also while nothing moves: silence for 8 s counts as a dead worker.
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

  /**
   * Removes what ended runs left on this host: everything labelled with a run whose workflow has ended, or that Temporal
   * does not know and whose deadline is over. Kept runs stay until their deadline. Answers what is left, a line each; the
   * host is leased again only after an empty answer.
   */
  proveHostClean(input: { host: string; keptRunIds: string[] }): Promise<{ removed: number; left: string[] }>;
}

/**
 * What the workflows ask of Temporal itself, polled on `meshbench` beside the workflows: it works whenever they do,
 * whichever host is down. `createTemporalActivities` in `activities/temporal.ts`.
 */
export interface TemporalActivities {
  /** Signals `host-<host>` and starts it where it does not run. */
  requestHost(input: { host: string; request: HostRequest }): Promise<void>;

  /** Answers as soon as one of the workflows has ended, or was never there, with all that have. Heartbeats meanwhile. */
  watchWorkflows(input: { workflowIds: string[] }): Promise<{ ended: string[] }>;
}

/** Polled on `store` by the worker beside the results store. */
export interface StoreActivities {
  saveSweep(input: { sweep: SweepRecord }): Promise<void>;
  saveRun(input: { row: RunRow }): Promise<void>;
  /** Keeps one part; with the last one the evidence is unpacked and stored. Any order, any number of times. */
  saveEvidencePart(input: { runId: string; part: number; parts: number; data: string }): Promise<void>;
}

export type { Failure };
