/** Waiting, with an end. */

import { setTimeout as delay } from "node:timers/promises";

/** @throws {AbortError} When the signal aborts. */
export const sleep = (ms: number, signal: AbortSignal): Promise<void> => delay(ms, undefined, { signal });

/**
 * Waits no longer than until the signal aborts. The work itself may go on and is no longer listened to.
 * @throws The signal's reason.
 */
export async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason as Error);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** An answer that did not come in time. The call itself may go on and is no longer listened to. */
export class LateAnswerError extends Error {
  override readonly name = "LateAnswerError";
}

/** @throws {LateAnswerError} When the answer takes longer. */
export async function within<T>(limitMs: number, answer: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = delay(limitMs, undefined, { signal: timer.signal }).then(() => {
    throw new LateAnswerError(`no answer within ${limitMs} ms`);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    timer.abort();
  }
}
