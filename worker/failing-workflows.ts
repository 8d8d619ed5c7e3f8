/** Workflows that stand still because their own code fails: Temporal tries them again for ever, and a mended worker goes on. */

import type { Client } from "@temporalio/client";
import proto from "@temporalio/proto";
import { maskSecrets } from "#model/mask-secrets";

const { EVENT_TYPE_WORKFLOW_TASK_FAILED } = proto.temporal.api.enums.v1.EventType;

export interface FailingWorkflow {
  readonly workflowId: string;
  /** The first line of what its code threw, such as `TypeError: x is not a function`. */
  readonly why: string;
}

/** @param concerns - By workflow id: only these are asked for. */
export async function findFailingWorkflows(
  client: Client,
  concerns: (workflowId: string) => boolean = () => true,
): Promise<FailingWorkflow[]> {
  const open = await Array.fromAsync(client.workflow.list({ query: 'ExecutionStatus = "Running"' }));
  const ids = open.map(({ workflowId }) => workflowId).filter((id) => concerns(id));
  const failing = await Promise.all(ids.map((workflowId) => lookAt(client, workflowId)));
  return failing.filter((one) => one !== undefined);
}

/** While a task fails, its first failure is the newest event: later attempts are in no history. */
async function lookAt(client: Client, workflowId: string): Promise<FailingWorkflow | undefined> {
  const { namespace } = client.options;
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace,
    execution: { workflowId },
    maximumPageSize: 1,
  });
  const newest = history?.events?.[0];
  if (newest?.eventType !== EVENT_TYPE_WORKFLOW_TASK_FAILED) return undefined;
  const { message, stackTrace } = newest.workflowTaskFailedEventAttributes?.failure ?? {};
  const [firstLine = ""] = (message ?? "no reason told").split("\n", 1);
  // Which kind of error it was only the stack says.
  const named = stackTrace?.split("\n").find((line) => line.endsWith(`Error: ${firstLine}`));
  return { workflowId, why: maskSecrets(named ?? firstLine) };
}
