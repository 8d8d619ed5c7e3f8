/**
 * What the workflows are started with, and what can be asked of them while they run. The wire name of a message is the
 * constant's without its suffix.
 */

import { defineQuery, defineSignal } from "@temporalio/workflow";
import type { RunStatus } from "#model/errors";
import { REQUEST_HOST_SIGNAL } from "#model/host-queue";
import type { HostQueue, HostRequest } from "#model/host-queue";
import type { PackedPlan } from "#model/packed-plan";
import type { RunRow } from "#model/result-row";
import type { PreparedEnvironment, RunSpec, Step } from "#model/run";

/** Workflow id `sweep-<sweepId>`, task queue `meshbench`. */
export interface SweepInput {
  readonly sweepId: string;
  readonly plan: PackedPlan;
  /** Commit of the checkout that queued it, or "". */
  readonly sourceSha: string;
  /** In line for a host, greater goes first; 0 unless said. */
  readonly priority?: number;
  /** Where the workflow goes on after it moved to a new history. */
  readonly carried?: CarriedSweep;
}

/** What a sweep knows beside its plan. */
export interface CarriedSweep {
  /** UTC, ISO 8601. */
  readonly startedAt: string;
  /** By name, in the spec's order. */
  readonly environments: readonly PreparedEnvironment[];
  /** How many runs each host has behind it, in the plan's order. */
  readonly runsDoneByHost: Readonly<Record<string, number>>;
  readonly statusCounts: StatusCounts;
  readonly lastRows: readonly RunRow[];
}

/** Rows by status, every attempt counted. */
export type StatusCounts = Readonly<Partial<Record<RunStatus, number>>>;

export interface SweepSummary {
  readonly sweepId: string;
  readonly runsPlanned: number;
  readonly statusCounts: StatusCounts;
}

/** Workflow id `run-<runId>`, task queue `meshbench`. */
export interface BenchmarkRunInput {
  readonly run: RunSpec;
  /** The sweep's place in line; absent: the run queues for itself. */
  readonly place?: Pick<HostRequest, "owner" | "priority" | "arrivedAt">;
}

/** Workflow id `host-<host>`, task queue `meshbench`; started by the first request and done when nobody is in line. */
export interface HostQueueInput {
  readonly host: string;
  readonly carried?: HostQueue;
}

export interface SweepProgress {
  readonly sweepId: string;
  readonly runsPlanned: number;
  /** Planned runs whose last attempt has ended. */
  readonly runsDone: number;
  /** By the plan's estimate, the run under way counted as a whole. */
  readonly secLeft: number;
  readonly statusCounts: StatusCounts;
  /** The run under way, if any: its workflow is `run-<runId>`. */
  readonly currentRunId?: string;
  /** The newest rows first, at most ten: enough for a follower that asks once a second. */
  readonly lastRows: readonly RunRow[];
}

export interface RunProgress {
  readonly runId: string;
  readonly step: Step | "queued" | "recorded";
  /** UTC, ISO 8601. */
  readonly stepStartedAt: string;
}

export const getSweepProgressQuery = defineQuery<SweepProgress>("getSweepProgress");
export const getRunProgressQuery = defineQuery<RunProgress>("getRunProgress");
/** Who has the host, who waits in which order, and since when. */
export const getHostQueueQuery = defineQuery<HostQueue>("getHostQueue");

/** To a host's queue, by `requestHost`: this run wants the host. Sent again, it changes nothing but is answered again. */
export const requestHostSignal = defineSignal<[HostRequest]>(REQUEST_HOST_SIGNAL);
/** To a host's queue: the run is done with the host or wants it no longer. With `keptRunId` its nodes stay. */
export const releaseHostSignal = defineSignal<[{ holder: string; keptRunId?: string }]>("releaseHost");
/** To a host's queue: this sweep needs no more runs here. */
export const leaveLineSignal = defineSignal<[{ owner: string }]>("leaveLine");
/** To a run: it has the host. May come twice. */
export const hostGrantedSignal = defineSignal("hostGranted");
