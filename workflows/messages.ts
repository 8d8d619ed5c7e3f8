/**
 * What the workflows are started with, and what can be asked of them while they run. The wire name of a message is the
 * constant's without its suffix.
 */

import { defineQuery, defineSignal, defineUpdate } from "@temporalio/workflow";
import type { HostQueueView, Prospect } from "#model/host-outlook";
import { GET_HOST_QUEUE_QUERY, REQUEST_HOST_SIGNAL, STAND_ASIDE_SIGNAL } from "#model/host-queue";
import type { HostQueue, HostRequest } from "#model/host-queue";
import type { PackedPlan } from "#model/packed-plan";
import type { RunCommand } from "#model/comment-command";
import type { Nightly } from "#model/nightly";
import { SWEEP_OPENED_SIGNAL } from "#model/pull-request";
import type { CommentRequest, SweepOnPullRequest } from "#model/pull-request";
import type { RunRow } from "#model/result-row";
import type { Spec } from "#model/spec";
import { GET_SWEEP_PROGRESS_QUERY } from "#model/sweep-progress";
import type { StatusCounts, SweepProgress } from "#model/sweep-progress";
import type { PreparedEnvironment, RunSpec, Step } from "#model/run";
import type { RepeatableStatus, WorkItem } from "#model/sweep-work";

/** Workflow id `sweep-<sweepId>`, task queue `meshbench`. */
export interface SweepInput {
  readonly sweepId: string;
  readonly plan: PackedPlan;
  /** Commit of the checkout that queued it, or "". */
  readonly sourceSha: string;
  /** By environment: what its image was built from, where that is another commit. */
  readonly sourceShas?: Readonly<Record<string, string>>;
  /** Under which it is shown from now on, by a workflow of its own. */
  readonly pullRequest?: SweepOnPullRequest;
  /** In line for a host, greater goes first; 0 unless said. */
  readonly priority?: number;
  /** An earlier workflow of this sweep has ended: what it left unfinished is measured, or some of it again. */
  readonly resumed?: ResumedSweep;
  /** Where the workflow goes on after it moved to a new history. */
  readonly carried?: CarriedSweep;
}

/** What an earlier workflow of the sweep pinned. */
export interface ResumedSweep {
  /** When the sweep first began: UTC, ISO 8601. */
  readonly startedAt: string;
  /** Empty where it ended before they were prepared. */
  readonly environments: readonly PreparedEnvironment[];
  /** Fresh attempts of repetitions whose latest one ended like this; absent: what is not finished. */
  readonly only?: readonly RepeatableStatus[];
}

/** A repetition to measure. `earlier`: how the workflow of this very attempt ended that may have left nodes. */
export interface SweepTask extends WorkItem {
  readonly earlier?: EarlierRun;
}

/** `ended`: its workflow was there and left no row. `unknown`: Temporal knows of none, or has lost it. */
export type EarlierRun = "ended" | "unknown";

/** What a sweep knows beside its plan. */
export interface CarriedSweep {
  /** When the sweep first began: UTC, ISO 8601. */
  readonly startedAt: string;
  /** When it got in line, the same for an un-paused one: UTC, ISO 8601. */
  readonly arrivedAt: string;
  readonly isPaused: boolean;
  /** By name, in the spec's order. */
  readonly environments: readonly PreparedEnvironment[];
  /** What is left to measure, in the plan's order; as values only, since there may be 500. */
  readonly tasks: readonly PackedTask[];
  readonly statusCounts: StatusCounts;
  readonly lastRows: readonly RunRow[];
}

export type PackedTask = readonly [
  point: number,
  repetition: number,
  attempt: number,
  used: number,
  earlier?: EarlierRun,
];

export interface SweepSummary {
  readonly sweepId: string;
  readonly runsPlanned: number;
  readonly statusCounts: StatusCounts;
}

/** Workflow id `comment-…`, task queue `meshbench`: see `commentWorkflowId`. */
export type CommentInput = AnsweredComment | MeasuringComment;

/** All is done but saying so. */
export interface AnsweredComment {
  readonly request: CommentRequest;
  readonly text: string;
  readonly isRefusal?: boolean;
}

export interface MeasuringComment {
  readonly request: CommentRequest;
  readonly command: RunCommand;
  /** Checked; without its commits, which are known once they are pinned. */
  readonly spec: Spec;
}

/** Of the schedule's own workflow, which only finds out the date. */
export interface NightlyInput {
  readonly nightly: Nightly;
}

/** Workflow id `nightly-<name>-<date>`, task queue `meshbench`. */
export interface NightInput {
  readonly nightly: Nightly;
  /** `YYYY-MM-DD`, in the nightly's time zone. */
  readonly date: string;
}

/** Workflow id `run-<runId>`, task queue `meshbench`. */
export interface BenchmarkRunInput {
  readonly run: RunSpec;
  /** The sweep's place in line; absent: the run queues for itself. */
  readonly place?: RunPlace;
  /** An earlier workflow of this run may have left nodes, to go on with. */
  readonly earlier?: EarlierRun;
}

export type RunPlace = Omit<HostRequest, "holder">;

/** Workflow id `host-<host>`, task queue `meshbench`; started by the first request and done when nobody is in line. */
export interface HostQueueInput {
  readonly host: string;
  readonly carried?: HostQueue;
}

export interface RunProgress {
  readonly runId: string;
  readonly step: Step | "queued" | "recorded";
  /** UTC, ISO 8601. */
  readonly stepStartedAt: string;
  /** While it is queued: how the line looked when it last asked. */
  readonly prospect?: Prospect;
}

export const getSweepProgressQuery = defineQuery<SweepProgress>(GET_SWEEP_PROGRESS_QUERY);
export const getRunProgressQuery = defineQuery<RunProgress>("getRunProgress");
/** Who has the host, who waits in which order, for what, since when, and about how long. */
export const getHostQueueQuery = defineQuery<HostQueueView>(GET_HOST_QUEUE_QUERY);

/**
 * Start no further run; the current one ends as usual. The sweep stands aside in the hosts' queues until it is resumed.
 * Answers how many runs are left. Asked again, it changes nothing.
 */
export const pauseSweepUpdate = defineUpdate<{ runsLeft: number; wasPaused: boolean }>("pauseSweep");
/** Go on, with the rank in line that the sweep had. Answers how many runs are left. Asked again, it changes nothing. */
export const resumeSweepUpdate = defineUpdate<{ runsLeft: number; wasPaused: boolean }>("resumeSweep");

/** To a host's queue, by `requestHost`: this run wants the host. Sent again, it changes nothing but is answered again. */
export const requestHostSignal = defineSignal<[HostRequest]>(REQUEST_HOST_SIGNAL);
/** To a host's queue: the run is done with the host or wants it no longer. With `keptRunId` its nodes stay. */
export const releaseHostSignal = defineSignal<[{ holder: string; keptRunId?: string }]>("releaseHost");
/** To a host's queue: this sweep needs no more runs here. */
export const leaveLineSignal = defineSignal<[{ owner: string }]>("leaveLine");
/** To a host's queue: this sweep is paused, and everyone passes it until it is back. */
export const standAsideSignal = defineSignal<[{ owner: string }]>(STAND_ASIDE_SIGNAL);
export const comeBackSignal = defineSignal<[{ owner: string }]>("comeBack");
/** To a run: it has the host. May come twice. */
export const hostGrantedSignal = defineSignal("hostGranted");
/** To a sweep's report: the sweep has been begun, or taken up again. */
export const sweepOpenedSignal = defineSignal(SWEEP_OPENED_SIGNAL);
