/** Where failures leave an activity: expected ones become what workflows decide by, none carries a secret out. */

import { ApplicationFailure } from "@temporalio/common";
import { BenchError, InputError, UnavailableError } from "#model/errors";
import type { FailureKind, FailureParticulars } from "#model/errors";
import { maskSecrets } from "#model/mask-secrets";
import type { Failure } from "#model/run";

/** Kinds that may be over when the activity is tried again: the engine comes back, space is made. */
const TRANSIENT: ReadonlySet<FailureKind> = new Set(["engine unavailable", "esxi unavailable", "collect"]);

/**
 * A `BenchError` becomes an `ApplicationFailure` whose type is its kind and whose first detail is the `Failure`; it is
 * retried only where its kind passes by itself. Anything else is a bug or a broken connection: it stays retryable, under
 * its own name. Cancellation passes unchanged.
 * @param where - Fills in what the error does not say itself.
 */
export async function withFailureBoundary<T>(where: FailureParticulars, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toActivityFailure(error, where);
  }
}

function toActivityFailure(error: unknown, where: FailureParticulars): unknown {
  if (error instanceof BenchError) return failureOf(error.kind, error.message, { ...where, ...error.particulars });
  if (error instanceof UnavailableError) return failureOf("engine unavailable", error.message, where);
  if (error instanceof InputError) return failureOf("bug", error.message, where);
  return error instanceof Error ? withoutSecrets(error) : error;
}

function failureOf(kind: FailureKind, message: string, particulars: FailureParticulars): ApplicationFailure {
  const failure: Failure = { kind, message: maskSecrets(message), ...particulars };
  return ApplicationFailure.create({
    type: kind,
    message: failure.message,
    nonRetryable: !TRANSIENT.has(kind),
    details: [failure],
  });
}

/** Drivers quote statements and addresses in their messages. The error stays itself, so that Temporal knows its class. */
function withoutSecrets(error: Error): Error {
  const message = maskSecrets(error.message);
  if (message !== error.message) error.message = message;
  if (error.stack !== undefined) error.stack = maskSecrets(error.stack);
  if (error.cause instanceof Error) withoutSecrets(error.cause);
  return error;
}
