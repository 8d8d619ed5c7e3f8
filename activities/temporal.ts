/** What workflows ask of Temporal itself: only a client can start another workflow with a signal, or see who has ended. */

import { Context } from "@temporalio/activity";
import { WorkflowNotFoundError } from "@temporalio/client";
import type { Client } from "@temporalio/client";
import type { TemporalActivities } from "#activities/index";
import type { RunOutcome } from "#activities/prove-host-clean";
import { HOST_QUEUE_WORKFLOW, REQUEST_HOST_SIGNAL } from "#model/host-queue";
import { hostWorkflowId, runWorkflowId, WORKFLOW_QUEUE } from "#model/ids";

const WATCH_EVERY_MS = 5_000;

/** @param watchEveryMs - How often workflows are looked at; a lease whose holder was terminated lasts this much longer. */
export function createTemporalActivities({
  client,
  watchEveryMs = WATCH_EVERY_MS,
}: {
  client: Client;
  watchEveryMs?: number;
}): TemporalActivities {
  async function requestHost({ host, request }: Parameters<TemporalActivities["requestHost"]>[0]): Promise<void> {
    await client.workflow.signalWithStart(HOST_QUEUE_WORKFLOW, {
      workflowId: hostWorkflowId(host),
      taskQueue: WORKFLOW_QUEUE,
      args: [{ host }],
      signal: REQUEST_HOST_SIGNAL,
      signalArgs: [request],
      staticSummary: `Who measures on ${host}, and who is next`,
    });
  }

  async function watchWorkflows({ workflowIds }: { workflowIds: string[] }): Promise<{ ended: string[] }> {
    for (;;) {
      Context.current().heartbeat();
      const outcomes = await Promise.all(workflowIds.map(async (id) => ({ id, outcome: await outcomeOf(client, id) })));
      const ended = outcomes.filter(({ outcome }) => outcome !== "open").map(({ id }) => id);
      if (ended.length > 0) return { ended };
      await Context.current().sleep(watchEveryMs);
    }
  }

  return { requestHost, watchWorkflows };
}

/** What Temporal knows of a run: `AskRunOutcome` over a client. */
export const askTemporalForRun =
  (client: Client) =>
  (runId: string): Promise<RunOutcome> =>
    outcomeOf(client, runWorkflowId(runId));

/** Of the newest workflow with this id. */
async function outcomeOf(client: Client, workflowId: string): Promise<RunOutcome> {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return status.name === "RUNNING" ? "open" : "ended";
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return "unknown";
    throw error;
  }
}
