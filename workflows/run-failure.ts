/** What it means for a run that an activity or a child failed: one of the kinds in `FAILURES`, never a stack. */

import { ActivityFailure, ApplicationFailure, isCancellation, TimeoutFailure } from "@temporalio/workflow";
import { FAILURES } from "#model/errors";
import type { FailureKind, FailureParticulars } from "#model/errors";
import type { Failure } from "#model/run";

/**
 * @param where - Fills in what the failure does not say itself.
 * @param isPastDeadline - A step that ran into a time limit then failed for that reason.
 */
export function failureOf(error: unknown, where: FailureParticulars, isPastDeadline: boolean): Failure {
  if (isCancellation(error)) return { kind: "cancelled", message: "on request", ...where };
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) return { ...where, ...expectedFailureOf(cause) };
  if (cause instanceof TimeoutFailure) return { ...where, ...timeoutOf(cause, where, isPastDeadline) };
  return { ...where, kind: "bug", message: cause instanceof Error ? cause.message : String(cause) };
}

function expectedFailureOf({ type, message, details }: ApplicationFailure): Failure {
  if (!isFailureKind(type)) return { kind: "bug", message: `${type ?? "Error"}: ${message}` };
  const [failure] = (details ?? []) as Partial<Failure>[];
  return { message, ...failure, kind: type };
}

function timeoutOf(
  { timeoutType }: TimeoutFailure,
  { host }: FailureParticulars,
  isPastDeadline: boolean,
): Pick<Failure, "kind" | "message"> {
  if (timeoutType === "SCHEDULE_TO_START") return { kind: "no worker", message: `nobody polls host-${host}` };
  if (timeoutType === "HEARTBEAT") return { kind: "no worker", message: `the worker of host-${host} went silent` };
  if (isPastDeadline) return { kind: "deadline", message: "not done in time" };
  return { kind: "node unresponsive", message: "the step did not end within its time" };
}

const isFailureKind = (type: string | null | undefined): type is FailureKind =>
  typeof type === "string" && Object.hasOwn(FAILURES, type);
