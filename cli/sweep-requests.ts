/** Pausing a sweep that is under way, and letting it go on. */

import { setTimeout as delay } from "node:timers/promises";
import { WorkflowNotFoundError, WorkflowUpdateFailedError } from "@temporalio/client";
import type { Client } from "@temporalio/client";
import { requireWorkers } from "#cli/sweep-client";
import { InputError, UnavailableError } from "#model/errors";
import { sweepWorkflowId } from "#model/ids";
import { pauseSweepUpdate, resumeSweepUpdate } from "#workflows/messages";

/** A worker answers within a second; one that has just been restarted within a few. */
const ANSWER_LIMIT_MS = 20_000;

export interface SweepAnswer {
  /** Repetitions that are still to be measured. */
  readonly runsLeft: number;
  readonly wasPaused: boolean;
}

/** Again, it changes nothing. @throws {InputError} Where the sweep has ended, or is being ended. */
export const pauseSweep = (client: Client, sweepId: string): Promise<SweepAnswer> =>
  ask(client, sweepId, pauseSweepUpdate);

/** Again, it changes nothing. @throws {InputError} Where the sweep has ended, or is being ended. */
export const unpauseSweep = (client: Client, sweepId: string): Promise<SweepAnswer> =>
  ask(client, sweepId, resumeSweepUpdate);

async function ask(
  client: Client,
  sweepId: string,
  update: typeof pauseSweepUpdate | typeof resumeSweepUpdate,
): Promise<SweepAnswer> {
  await requireWorkers(client, new Set());
  const answered = new AbortController();
  try {
    return await Promise.race([
      client.withAbortSignal(answered.signal, () =>
        client.workflow.getHandle(sweepWorkflowId(sweepId)).executeUpdate(update),
      ),
      lateAnswer(sweepId, answered.signal),
    ]);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw refusal(sweepId, "the sweep has ended");
    if (error instanceof WorkflowUpdateFailedError) throw refusal(sweepId, error.cause?.message ?? error.message);
    throw error;
  } finally {
    answered.abort();
  }
}

async function lateAnswer(sweepId: string, signal: AbortSignal): Promise<never> {
  await delay(ANSWER_LIMIT_MS, undefined, { signal });
  throw new UnavailableError(`no worker answers for ${sweepId}`, "meshbench doctor says what runs");
}

const refusal = (sweepId: string, rule: string): InputError =>
  new InputError([{ field: "ID", value: sweepId, rule, hint: `once it has ended: meshbench resume ${sweepId}` }]);
