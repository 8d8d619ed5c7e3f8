/** What an activity that has to fail failed with. */

import { ApplicationFailure } from "@temporalio/common";
import type { Failure } from "#model/run";

/** @throws If it does not fail, or not as an expected failure. */
export async function failureOf(activity: Promise<unknown>): Promise<Failure & { nonRetryable: boolean }> {
  const error = await activity.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApplicationFailure)) throw error;
  const [failure] = error.details as [Failure];
  if (error.type !== failure.kind) throw new Error(`type ${error.type}, kind ${failure.kind}`);
  return { ...failure, nonRetryable: error.nonRetryable ?? false };
}
