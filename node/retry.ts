/** Trying again until it works or the time is over. */

import { setTimeout as delay } from "node:timers/promises";
import { nowUs } from "#node/clock";

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1_000;

/** @throws What the last attempt threw, once `deadlineUs` (on the node's clock) has passed. */
export async function retryUntil<T>(deadlineUs: number, attempt: () => Promise<T>): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, 2 * pauseMs)) {
    try {
      return await attempt();
    } catch (error) {
      if (nowUs() + 1000 * pauseMs > deadlineUs) throw error;
      await delay(pauseMs);
    }
  }
}

/** The promise's value, or what `onDeadline` makes of it where it takes too long: a connection that hangs says nothing. */
export async function orAtDeadline<T>(
  deadlineUs: number,
  promise: Promise<T>,
  onDeadline: () => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const overdue = Symbol("overdue");
  const timer = delay(Math.max(0, (deadlineUs - nowUs()) / 1000), overdue, { signal: abort.signal });
  timer.catch(() => {}); // Ends by being aborted.
  try {
    const first = await Promise.race([promise, timer]);
    return first === overdue ? await onDeadline() : first;
  } finally {
    abort.abort();
  }
}
