/** What it means for a run that an activity or a child failed: one of the kinds in `FAILURES`, never a stack. */

import {
  defaultFailureConverter as failureConverter,
  defaultPayloadConverter as payloadConverter,
} from "@temporalio/common";
import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from "@temporalio/workflow";
import { FAILURES } from "#model/errors";
import type { FailureKind, FailureParticulars } from "#model/errors";
import type { Failure } from "#model/run";

/**
 * @param where - Fills in what the failure does not say itself.
 * @param isPastDeadline - Of a run. That its load was too much is told by an activity alone: silence may mean anything.
 */
export function failureOf(error: unknown, where: FailureParticulars, isPastDeadline: boolean): Failure {
  if (isCancellation(error)) return { kind: "cancelled", message: "on request", ...where };
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return { ...where, ...whatHappened(cause, where, isPastDeadline) };
}

/** @throws The error itself where no activity failed, or its cancellation was asked for: nobody here has an answer to that. */
export function requireFailedStep(error: unknown): void {
  if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
}

function whatHappened(cause: unknown, where: FailureParticulars, isPastDeadline: boolean): Failure {
  if (cause instanceof ApplicationFailure) return expectedFailureOf(cause);
  if (cause instanceof TimeoutFailure) return timeoutOf(cause, where, isPastDeadline);
  return { kind: "bug", message: cause instanceof Error ? cause.message : String(cause) };
}

function expectedFailureOf({ type, message, details }: ApplicationFailure): Failure {
  if (!isFailureKind(type)) return { kind: "bug", message: `${type ?? "Error"}: ${message}` };
  const [failure] = (details ?? []) as Partial<Failure>[];
  return { message, ...failure, kind: type };
}

function timeoutOf(timeout: TimeoutFailure, where: FailureParticulars, isPastDeadline: boolean): Failure {
  const { timeoutType } = timeout;
  const { host } = where;
  if (timeoutType === "SCHEDULE_TO_START") return { kind: "no worker", message: `nobody polls host-${host}` };
  if (timeoutType === "HEARTBEAT") return { kind: "no worker", message: `the worker of host-${host} went silent` };
  // No time was left for another attempt: what went wrong is why one was needed.
  const earlier = timeout.failure?.cause;
  if (earlier) return whatHappened(failureConverter.failureToError(earlier, payloadConverter), where, isPastDeadline);
  if (isPastDeadline) return { kind: "held up", message: "the run's deadline passed, and nobody told why" };
  return { kind: "node unresponsive", message: "the step did not end within its time" };
}

const isFailureKind = (type: string | null | undefined): type is FailureKind =>
  typeof type === "string" && Object.hasOwn(FAILURES, type);
