/** What all steps of a run share: heartbeats with their progress, failures as workflows know them, crash points. */

import { Context } from "@temporalio/activity";
import { crashPoint } from "#activities/crash-point";
import { withFailureBoundary } from "#activities/failure-boundary";
import type { Step, StepProgress } from "#model/run";

const HEARTBEAT_MS = 1000;

/** The part of Temporal's activity context that steps use, so that tests can stand in for it. */
export interface StepContext {
  /** Aborted when the step is cancelled or its worker shuts down. */
  readonly signal: AbortSignal;
  /** When the step was first scheduled, whichever attempt this is; milliseconds since 1970. */
  readonly scheduledAtMs: number;
  heartbeat(progress: StepProgress): void;
}

export function currentStepContext(): StepContext {
  const context = Context.current();
  return {
    signal: context.cancellationSignal,
    scheduledAtMs: context.info.scheduledTimestampMs,
    heartbeat: (progress) => context.heartbeat(progress),
  };
}

/** Says how far a step is. Followers see the latest once a second. */
export type ReportProgress = (progress: Omit<StepProgress, "step" | "nodes">) => void;

/**
 * Runs the work of one step. It heartbeats while the work goes on, also while nothing moves: silence means a dead worker.
 * @throws {ApplicationFailure} See `withFailureBoundary`.
 */
export async function runStep<T>(
  { step, nodes, host, context }: { step: Step; nodes: number; host: string; context: StepContext },
  work: (report: ReportProgress) => Promise<T>,
): Promise<T> {
  let latest: StepProgress = { step, nodes, nodesDone: 0 };
  const beat = () => context.heartbeat(latest);
  beat();
  const timer = setInterval(beat, HEARTBEAT_MS);
  try {
    return await withFailureBoundary({ step, host }, async () => {
      crashPoint(step, "before");
      const result = await work((progress) => {
        latest = { step, nodes, ...progress };
      });
      crashPoint(step, "after");
      return result;
    });
  } finally {
    clearInterval(timer);
  }
}
