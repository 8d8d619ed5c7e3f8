/** How a sweep stands: Temporal holds the truth about progress, the store that about numbers. */

import type { Client } from "@temporalio/client";
import { withClient } from "#cli/client";
import { note } from "#cli/output";
import { readSweepState } from "#cli/sweep-client";
import type { SweepState } from "#cli/sweep-client";
import { UnavailableError } from "#model/errors";
import type { SweepRecord } from "#model/run";

const STATUS_OF: Readonly<Record<SweepState, SweepRecord["status"]>> = {
  open: "OPEN",
  done: "DONE",
  cancelled: "CANCELLED",
  terminated: "FAILED",
  failed: "FAILED",
  unknown: "FAILED",
};

export const statusOf = (state: SweepState): SweepRecord["status"] => STATUS_OF[state];

/** What is stored of a sweep that has not written down its end. */
export const isUnderWay = (status: SweepRecord["status"]): boolean => status === "OPEN" || status === "PAUSED";

/** A sweep that was terminated could not write down its end: those that are under way in the store are asked for. */
export async function readStatuses(
  sweeps: readonly Pick<SweepRecord, "sweepId" | "status">[],
): Promise<SweepRecord["status"][]> {
  const stored = sweeps.map(({ status }) => status);
  if (!stored.some(isUnderWay)) return stored;
  const asked = await ifTemporalAnswers((client) =>
    Promise.all(
      sweeps.map(async ({ sweepId, status }) => {
        if (!isUnderWay(status)) return status;
        const state = await readSweepState(client, sweepId);
        return state === "open" ? status : statusOf(state);
      }),
    ),
  );
  return asked ?? stored;
}

/** @returns `undefined` where it does not, which is noted. */
export async function ifTemporalAnswers<Answer>(
  work: (client: Client) => Promise<Answer>,
): Promise<Answer | undefined> {
  try {
    return await withClient(work);
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    note(`only what is stored is shown: ${error.message}`);
    return undefined;
  }
}
