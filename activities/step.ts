/** What activities of a host share: heartbeats with their progress, failures as workflows know them, crash points. */

import { Context } from "@temporalio/activity";
import { crashPoint } from "#activities/crash-point";
import { withFailureBoundary } from "#activities/failure-boundary";
import type { Step, StepProgress } from "#model/run";

const HEARTBEAT_MS = 1000;

/** The part of Temporal's activity context that is used here, so that tests can stand in for it. */
export interface StepContext {
  /** Aborted when the step is cancelled or its worker shuts down. */
  readonly signal: AbortSignal;
  /** When the step was first scheduled, whichever attempt this is; milliseconds since 1970, by Temporal's clock. */
  readonly scheduledAtMs: number;
  /** The same for this attempt: a moment ago, unless it had to wait for a worker. */
  readonly attemptScheduledAtMs: number;
  /** From 1. */
  readonly attempt: number;
  heartbeat(progress?: StepProgress): void;
}

export function currentStepContext(): StepContext {
  const context = Context.current();
  return {
    signal: context.cancellationSignal,
    scheduledAtMs: context.info.scheduledTimestampMs,
    attemptScheduledAtMs: context.info.currentAttemptScheduledTimestampMs,
    attempt: context.info.attempt,
    heartbeat: (progress) => context.heartbeat(progress),
  };
}

/** What a step may wait for its worker, and what clocks may differ by without harm to any deadline. */
const CLOCKS_AGREE_MS = 30_000;

/**
 * A moment by Temporal's clock as this machine's shows it. Where the two are far apart, all that counts to a deadline or
 * compares with one here would be early or late by that.
 * @param at - UTC, ISO 8601.
 */
export function onOwnClock(at: string, { attemptScheduledAtMs }: Pick<StepContext, "attemptScheduledAtMs">): string {
  const aheadMs = Date.now() - attemptScheduledAtMs;
  return Math.abs(aheadMs) <= CLOCKS_AGREE_MS ? at : new Date(Date.parse(at) + aheadMs).toISOString();
}

/**
 * @param startedMs - Of `performance.now()`.
 * @returns Seconds; `null` where an earlier attempt did a part of the step, which nobody measured.
 */
export const stepSecSince = (startedMs: number, { attempt }: Pick<StepContext, "attempt">): number | null =>
  attempt > 1 ? null : (performance.now() - startedMs) / 1000;

/** Says how far a step is. Followers see the latest once a second. */
export type ReportProgress = (progress: Omit<StepProgress, "step" | "nodes">) => void;

/**
 * Runs the work of one step of a run.
 * @throws {ApplicationFailure} See `withFailureBoundary`.
 */
export async function runStep<T>(
  { step, nodes, host, context }: { step: Step; nodes: number; host: string; context: StepContext },
  work: (report: ReportProgress) => Promise<T>,
): Promise<T> {
  const { attempt } = context;
  let latest: StepProgress = { step, nodes, nodesDone: 0 };
  const report: ReportProgress = (progress) => {
    latest = { step, nodes, ...progress };
  };
  return withHeartbeats(
    () => context.heartbeat(latest),
    () =>
      withFailureBoundary({ step, host }, async () => {
        crashPoint({ step, moment: "before", attempt });
        const result = await work(report);
        crashPoint({ step, moment: "after", attempt });
        return result;
      }),
  );
}

/** Heartbeats while the work goes on, also while nothing moves: silence means a dead worker. */
export async function withHeartbeats<T>(beat: () => void, work: () => Promise<T>): Promise<T> {
  beat();
  const timer = setInterval(beat, HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
