/** How a sweep stands, for people who wait for it: its progress and its place in the line of each of its hosts. */

import { WorkflowFailedError, WorkflowNotFoundError, type Client, type WorkflowHandle } from "@temporalio/client";
import { prospectsOf, type HostQueueView } from "#model/host-outlook";
import { GET_HOST_QUEUE_QUERY } from "#model/host-queue";
import { hostWorkflowId, sweepWorkflowId } from "#model/ids";
import { GET_SWEEP_PROGRESS_QUERY, type SweepProgress } from "#model/sweep-progress";
import type { SweepEnd } from "#model/pull-request";
import type { SweepState } from "#report/pull-request";

const END_OF_CLOSED: Readonly<Record<string, SweepEnd>> = { COMPLETED: "done", CANCELLED: "cancelled" };

/** How a sweep ended; where it failed, of what. */
interface EndedSweep {
  readonly end: SweepEnd;
  readonly failure?: string;
}

/** @returns `undefined` while the sweep goes on. One that Temporal does not know has failed. */
export async function readSweepEnd(client: Client, sweepId: string): Promise<EndedSweep | undefined> {
  const handle = client.workflow.getHandle(sweepWorkflowId(sweepId));
  try {
    const { status } = await handle.describe();
    if (status.name === "RUNNING") return undefined;
    const end = END_OF_CLOSED[status.name];
    return end === undefined ? { end: "failed", failure: await readFailure(handle) } : { end };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return { end: "failed", failure: "Temporal does not know of it" };
    throw error;
  }
}

async function readFailure(handle: WorkflowHandle): Promise<string> {
  try {
    await handle.result();
    return "";
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return error.cause?.message ?? error.message;
  }
}

/** @throws Where no worker answers; asked again later, one may. */
export async function readSweepState(client: Client, sweepId: string, hosts: readonly string[]): Promise<SweepState> {
  const handle = client.workflow.getHandle(sweepWorkflowId(sweepId));
  const progress = await handle.query<SweepProgress>(GET_SWEEP_PROGRESS_QUERY);
  const lines = await Promise.all(hosts.map((host) => readPlace(client, host, sweepId)));
  return { ...progress, waiting: lines.flat() };
}

/** Nothing where it measures there, or is not in line. */
async function readPlace(client: Client, host: string, sweepId: string): Promise<SweepState["waiting"]> {
  const queue = await readQueue(client, host);
  const owner = sweepWorkflowId(sweepId);
  if (queue === undefined || (queue.now.state === "leased" && queue.now.owner === owner)) return [];
  const now = new Date();
  const place = prospectsOf(queue, now.toISOString()).find((prospect) => prospect.owner === owner);
  if (place?.position === undefined) return [];
  const { position, estimatedStartAt } = place;
  const start = estimatedStartAt === undefined ? {} : { inSec: (Date.parse(estimatedStartAt) - now.getTime()) / 1000 };
  return [{ host, position, ...start }];
}

async function readQueue(client: Client, host: string): Promise<HostQueueView | undefined> {
  try {
    return await client.workflow.getHandle(hostWorkflowId(host)).query<HostQueueView>(GET_HOST_QUEUE_QUERY);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
