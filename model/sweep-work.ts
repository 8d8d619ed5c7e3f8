/**
 * What a sweep has yet to measure, from what its results say was measured already. A repetition counts as finished once
 * one of its attempts is VALID or SUSPECT, or where its failure would only come again, or its attempts are used up. A
 * cancelled attempt is kept, but it uses none up: nobody learned anything from it.
 */

import type { RunStatus } from "#model/errors";
import type { PlannedRun } from "#model/plan";

/** One attempt that has its row. */
export interface PastAttempt extends PlannedRun {
  readonly attempt: number;
  readonly status: RunStatus;
  /** See `deservesFreshRun`. */
  readonly deservesFreshRun: boolean;
}

/** A repetition that is still to be measured. */
export interface WorkItem extends PlannedRun {
  /** Number of the next attempt. */
  readonly attempt: number;
  /** How many of the spec's `attempts` are used up. */
  readonly used: number;
}

/** Statuses that `resume --only` can name: what has an ending that one may want to see again. */
export const REPEATABLE_STATUSES = ["FAILED", "SUSPECT", "INVALID"] as const satisfies RunStatus[];
export type RepeatableStatus = (typeof REPEATABLE_STATUSES)[number];

/** All of a sweep, of which nothing was measured yet. */
export const allWork = (runs: readonly PlannedRun[]): WorkItem[] =>
  runs.map((run) => ({ ...run, attempt: 1, used: 0 }));

/** What is not finished, in the plan's order. */
export function workLeft(runs: readonly PlannedRun[], past: readonly PastAttempt[], attempts: number): WorkItem[] {
  return repetitionsOf(runs, past).flatMap(({ run, tried }) => {
    const used = tried.filter(({ status }) => status !== "CANCELLED");
    const last = used.at(-1);
    const isProven = used.some(({ status }) => status === "VALID" || status === "SUSPECT");
    const isGivenUp = last !== undefined && (!last.deservesFreshRun || used.length >= attempts);
    return isProven || isGivenUp ? [] : [{ ...run, attempt: nextAttempt(tried), used: used.length }];
  });
}

/** Repetitions whose latest attempt ended like this, in the plan's order; each has all its attempts again. */
export function workAgain(
  runs: readonly PlannedRun[],
  past: readonly PastAttempt[],
  only: readonly RepeatableStatus[],
): WorkItem[] {
  return repetitionsOf(runs, past).flatMap(({ run, tried }) => {
    const last = tried.at(-1);
    const isWanted = only.some((status) => status === last?.status);
    return isWanted ? [{ ...run, attempt: nextAttempt(tried), used: 0 }] : [];
  });
}

const nextAttempt = (tried: readonly PastAttempt[]): number => (tried.at(-1)?.attempt ?? 0) + 1;

/** Every planned run with its attempts, first to last. */
function repetitionsOf(
  runs: readonly PlannedRun[],
  past: readonly PastAttempt[],
): { run: PlannedRun; tried: PastAttempt[] }[] {
  const byRepetition = Map.groupBy(past, keyOf);
  return runs.map((run) => ({
    run: { point: run.point, repetition: run.repetition },
    tried: (byRepetition.get(keyOf(run)) ?? []).toSorted((a, b) => a.attempt - b.attempt),
  }));
}

const keyOf = ({ point, repetition }: PlannedRun): string => `${point}/${repetition}`;
