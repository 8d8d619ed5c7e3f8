/** Follows a sweep to its end. Reads only; may go at any time. */

import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "@temporalio/client";
import { openProgressDisplay } from "#cli/progress-display";
import type { ProgressDisplay } from "#cli/progress-display";
import { NoAnswerError, readRunView, readSweepProgress, readSweepState } from "#cli/sweep-client";
import type { SweepState } from "#cli/sweep-client";
import { hostWorkflowId, runWorkflowId, sweepWorkflowId } from "#model/ids";
import { findFailingWorkflows } from "#worker/failing-workflows";
import { isServerUnreachable } from "#worker/temporal-connection";

const POLL_MS = 1000;

/**
 * Goes on through times in which Temporal or its workers do not answer, and says so.
 * @returns How the sweep ended, or `"detached"` once `signal` aborts.
 */
export async function followSweep(
  client: Client,
  sweepId: string,
  signal: AbortSignal,
  display: ProgressDisplay = openProgressDisplay(),
): Promise<Exclude<SweepState, "open"> | "detached"> {
  let trouble: string | undefined;
  try {
    while (!signal.aborted) {
      try {
        const state = await client.withAbortSignal(signal, () => look(client, sweepId, display));
        if (state !== "open") return state;
        if (trouble !== undefined) display.event("answers again");
        trouble = undefined;
      } catch (error) {
        if (signal.aborted) break;
        const found = await troubleOf(error, client, sweepId);
        if (found === undefined) throw error;
        if (found !== trouble) display.event(`${found}, retrying; what is being measured goes on without us`);
        trouble = found;
      }
      await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
    return "detached";
  } finally {
    display.close();
  }
}

/** @returns `undefined` for what will not pass by itself. */
async function troubleOf(error: unknown, client: Client, sweepId: string): Promise<string | undefined> {
  if (error instanceof NoAnswerError) return (await describeFailing(client, sweepId)) ?? error.message;
  return isServerUnreachable(error) ? "Temporal server unreachable" : undefined;
}

/** A workflow whose code fails answers nothing, though its worker is there. */
async function describeFailing(client: Client, sweepId: string): Promise<string | undefined> {
  const isConcerned = (id: string) =>
    id === sweepWorkflowId(sweepId) ||
    id.startsWith(runWorkflowId(`${sweepId}-p`)) ||
    id.startsWith(hostWorkflowId(""));
  const [first] = await findFailingWorkflows(client, isConcerned).catch(() => []);
  return first && `workflow task failing: ${first.workflowId}: ${first.why}`;
}

async function look(client: Client, sweepId: string, display: ProgressDisplay): Promise<SweepState> {
  // The state first: what the query then shows is at least as new, so that no finished run goes unreported.
  const state = await readSweepState(client, sweepId);
  if (state === "unknown") return state;
  const sweep = await readSweepProgress(client, sweepId).catch((error: unknown) => {
    // The rows of a sweep that has ended are in the store, worker or not.
    if (state !== "open" && error instanceof NoAnswerError) return undefined;
    throw error;
  });
  for (const row of sweep?.lastRows.toReversed() ?? []) display.finished(row);
  if (state === "open" && sweep) {
    display.progress(
      sweep,
      sweep.currentRunId === undefined ? undefined : await readRunView(client, sweep.currentRunId),
    );
  }
  return state;
}
