/** Workflows that stand still because their own code fails: Temporal tries them again for ever, and a mended worker goes on. */

import type { Client } from "@temporalio/client";
import proto from "@temporalio/proto";
import { maskSecrets } from "#model/mask-secrets";

const { EVENT_TYPE_WORKFLOW_TASK_FAILED, EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT } = proto.temporal.api.enums.v1.EventType;
/** The first time-out may be that of a worker that was killed over it. */
const TIMED_OUT_ATTEMPTS = 2;

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
  const execution = { workflowId };
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace,
    execution,
    maximumPageSize: 1,
  });
  const newest = history?.events?.[0];
  if (newest?.eventType === EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT) {
    const { pendingWorkflowTask } = await client.workflowService.describeWorkflowExecution({ namespace, execution });
    const timedOut = (pendingWorkflowTask?.attempt ?? 1) - 1;
    if (timedOut < TIMED_OUT_ATTEMPTS) return undefined;
    return { workflowId, why: `no worker brings its task to an end: it timed out ${timedOut} times` };
  }
  if (newest?.eventType !== EVENT_TYPE_WORKFLOW_TASK_FAILED) return undefined;
  const { message, stackTrace } = newest.workflowTaskFailedEventAttributes?.failure ?? {};
  const [firstLine = ""] = (message ?? "no reason told").split("\n", 1);
  // Which kind of error it was only the stack says.
  const named = stackTrace?.split("\n").find((line) => line.endsWith(`Error: ${firstLine}`));
  return { workflowId, why: maskSecrets(named ?? firstLine) };
}
