/** The node's own clock: CLOCK_MONOTONIC in microseconds. Every duration of a run comes from it. */

import { setTimeout as delay } from "node:timers/promises";

// performance.now() reads CLOCK_MONOTONIC without the allocation of hrtime.bigint(); this adds where it began.
const ORIGIN_US = Number(process.hrtime.bigint() / 1000n) - performance.now() * 1000;

export const nowUs = (): number => ORIGIN_US + performance.now() * 1000;

export const secondsBetween = (fromUs: number, toUs: number): number => (toUs - fromUs) / 1_000_000;

/**
 * Whole milliseconds for a timer that must not fire before `us` from now. libuv's timers count whole milliseconds: with a
 * fraction they fire early, and the program would wake twice.
 */
export const timerMs = (us: number): number => Math.max(0, Math.ceil(us / 1000));

export async function sleepUntil(instantUs: number): Promise<void> {
  for (let left = instantUs - nowUs(); left > 0; left = instantUs - nowUs()) await delay(timerMs(left));
}
