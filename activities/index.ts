/** The activities as workflows see them: names, inputs, outputs. Workflows import this file for its types only. */

import type { Prospect } from "#model/host-outlook";
import type { HostRequest } from "#model/host-queue";
import type { RunCommand } from "#model/comment-command";
import type { RunIntent } from "#model/ledger";
import type { Nightly } from "#model/nightly";
import type { Baseline } from "#model/nightly-history";
import type {
  Arm,
  CommentRequest,
  RepositoryRef,
  SweepEnd,
  SweepOnPullRequest,
  SweepReport,
} from "#model/pull-request";
import type { RunRow } from "#model/result-row";
import type { NodeHandle, PreparedEnvironment, RunSpec, SweepRecord } from "#model/run";
import type { ResultsPage, ResultsQuestion } from "#model/results-question";
import type { Environment } from "#model/spec";
import type { PastAttempt } from "#model/sweep-work";

/**
 * Polled on `host-<host>` by the worker of that host. Each may come twice and attaches to what already runs. Expected
 * failures are `ApplicationFailure`s whose type is the `FailureKind` and whose first detail is the `Failure`. Each
 * heartbeats every 2 s or more often, also while nothing moves: silence for 8 s counts as a dead worker.
 */
export interface HostActivities {
  /** Pins image and facts for a sweep. */
  prepareEnvironment(input: { environment: Environment }): Promise<PreparedEnvironment>;

  /**
   * The node image of a commit, from `GithubActivities.fetchSource`'s archive, without network and secrets. Answers the
   * engine's id of it.
   */
  buildImage(input: { sha: string; archive: string }): Promise<{ image: string }>;

  /** How many nodes of the run are there, in whatever state: those of one that was interrupted. */
  findNodes(input: { run: RunSpec }): Promise<{ found: number }>;

  /**
   * Network and nodes, until every database answers. `deadlineAt` is UTC, ISO 8601. `provisionSec` is `null` where an
   * earlier attempt did a part of it; `teardownSec` and the row's `collect_s` likewise.
   */
  provisionNodes(input: {
    run: RunSpec;
    deadlineAt: string;
  }): Promise<{ nodes: NodeHandle[]; provisionSec: number | null }>;

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
  destroyNodes(input: { runId: string }): Promise<{ removed: number; teardownSec: number | null }>;

  readNodeLogs(input: { runId: string; nodeIndex: number }): Promise<{ text: string }>;

  /**
   * Removes what ended runs left on this host: everything labelled with a run whose workflow has ended, or that Temporal
   * does not know and whose deadline is over. Kept runs stay until their deadline. Answers what is left, a line each; the
   * host is leased again only after an empty answer. Nodes of a run that itself waits for the host are no leftovers: it is
   the `occupant`, and goes on with them.
   */
  proveHostClean(input: {
    host: string;
    keptRunIds: string[];
    waitingRunIds?: string[];
  }): Promise<{ removed: number; left: string[]; occupant?: string }>;

  /** The same, at any time: removes nothing of runs that are under way or kept. Answers of which runs something is left. */
  reapHost(input: { host: string }): Promise<{ removed: number; remainingRunIds: string[] }>;
}

/**
 * What the workflows ask of Temporal itself, polled on `meshbench` beside the workflows: it works whenever they do,
 * whichever host is down. `createTemporalActivities` in `activities/temporal.ts`.
 */
export interface TemporalActivities {
  /**
   * Signals `host-<host>` and starts it where it does not run. Answers what the line looks like from the request's place;
   * nothing where the run need not wait, or the queue does not answer.
   */
  requestHost(input: { host: string; request: HostRequest }): Promise<{ prospect?: Prospect }>;

  /** Tells `host-<host>` that this sweep is paused, and starts the queue where it does not run. */
  standAside(input: { host: string; owner: string }): Promise<void>;

  /** Starts `report-<sweepId>`, or tells the one that is there that the sweep goes on. */
  openReport(input: SweepReport): Promise<void>;

  /** Answers as soon as one of the workflows has ended, or was never there, with all that have. Heartbeats meanwhile. */
  watchWorkflows(input: { workflowIds: string[] }): Promise<{ ended: string[] }>;

  /** Answers once none of the workflows is under way any more: which of them have ended, out of those that ever were. */
  awaitWorkflowsEnded(input: { workflowIds: string[] }): Promise<{ ended: string[] }>;
}

/** Polled on `store` by the worker beside the results store. */
export interface StoreActivities {
  /** Without `pinJson` what was pinned before stays. */
  saveSweep(input: { sweep: SweepRecord }): Promise<void>;
  /** Opens the run's entry in the ledger, before anything is created for it. */
  saveIntent(input: { intent: RunIntent }): Promise<void>;
  /** Nothing of the run is left on its host. */
  closeIntent(input: { runId: string }): Promise<void>;
  /** Closes entries of this host whose runs are over and gone; those that left no row get one, `FAILED(history lost)`. */
  settleLedger(input: { host: string; remainingRunIds: string[] }): Promise<{ lostRunIds: string[] }>;
  /** Every attempt of the sweep that has its row, in the order they were measured. */
  readAttempts(input: { sweepId: string }): Promise<{ attempts: PastAttempt[] }>;
  /** One page of the answer, from 0, for a command on another machine. */
  readResults(input: { question: ResultsQuestion; page: number }): Promise<ResultsPage>;
  saveRun(input: { row: RunRow }): Promise<void>;
  /** For a run whose workflow ended without a word, unless it has its row by then. Answers the row that stands. */
  saveLostRun(input: { row: RunRow }): Promise<{ row: RunRow }>;
  /** Keeps one part; with the last one the evidence is unpacked and stored. Any order, any number of times. */
  saveEvidencePart(input: { runId: string; part: number; parts: number; data: string }): Promise<void>;
}

/** Polled on `store`, too: what is kept of nights, and what follows from it. `createNightActivities`. */
export interface NightActivities {
  /** Begins the night's record, or adds its commit; without one it is the installed version's, which it answers. */
  openNight(input: {
    nightly: string;
    date: string;
    commit?: { repository: RepositoryRef; sha: string };
  }): Promise<{ sourceSha: string }>;

  /** The night came to nothing. */
  failNight(input: { nightly: string; date: string; status: "FAILED" | "CANCELLED"; reason: string }): Promise<void>;

  /**
   * Judges the night by its history. Where something has to be measured again, it answers beside what, and what the night
   * itself ran, by environment; else the night has its verdict.
   */
  doubtNight(input: {
    nightly: Nightly;
    date: string;
  }): Promise<{ baseline?: Baseline; images?: Readonly<Record<string, string>> }>;

  /** The night's verdict, once it was measured again, or why that failed. */
  settleNight(input: {
    nightly: Nightly;
    date: string;
    confirmation: { sweepId: string; failure?: undefined } | { failure: string };
  }): Promise<void>;
}

/**
 * Polled on `github` by the worker that has the GitHub App's key, which is the one beside the results store. Limits and
 * outages of GitHub only delay them: each is tried until it is done. What it writes is there once, however often it comes.
 */
export interface GithubActivities {
  react(input: { request: CommentRequest; reaction: "eyes" | "rocket" | "confused" }): Promise<void>;

  /** One comment that answers the command, as plain text. */
  answer(input: { request: CommentRequest; text: string }): Promise<void>;

  /** The commits to measure; or, where the pull request has moved on since the gate looked, to which commit. */
  pinCommits(input: {
    request: CommentRequest;
    command: RunCommand;
  }): Promise<{ arms: Arm[]; movedTo?: undefined } | { movedTo: string; arms?: undefined }>;

  /** What a commit's node image is made of: a gzipped tar, base64, under 256 KiB. */
  fetchSource(input: { repository: RepositoryRef; sha: string }): Promise<{ archive: string }>;

  /** Of a branch, or of the default one. */
  findNewestCommit(input: { repository: RepositoryRef; branch?: string }): Promise<{ sha: string }>;

  /**
   * Brings the one issue of the nightly's newest regression up to date: opens it, edits it, closes it when all has
   * recovered. Says what is stored by then, so that a late one says nothing old.
   */
  reportNightly(input: { nightly: Pick<Nightly, "name" | "least">; repository: RepositoryRef }): Promise<void>;

  /** Keeps the status comment and the check up to date until the sweep has ended. Heartbeats. */
  followSweep(input: SweepReport): Promise<{ end: SweepEnd; failure?: string }>;

  /** The check's conclusion, the final comment; the status comment is folded away. */
  concludeSweep(input: { sweep: SweepOnPullRequest; end: SweepEnd; failure?: string }): Promise<{ conclusion: string }>;

  /** The check's conclusion alone, where a report cannot be made, for this reason. */
  closeCheck(input: { sweep: SweepOnPullRequest; end: SweepEnd; why: string }): Promise<void>;
}
