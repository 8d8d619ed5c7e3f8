/**
 * `meshbench github submit`: the second job of a comment, on the bench. It starts the comment's workflow and is done; what
 * measures nothing is carried out here, by the command of the same name, and answered by the workflow.
 */

import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError, type Client } from "@temporalio/client";
import { withClient } from "#cli/client";
import { loadArmedPlan } from "#cli/github/armed-plan";
import { carryOut } from "#cli/github/carry-out";
import { readOrder, type CommentOrder } from "#cli/github/comment-order";
import { jobUrlOf } from "#cli/github/job-url";
import { refusalText } from "#cli/github/refusal-text";
import { note, printData } from "#cli/output";
import { requireWorkers } from "#cli/sweep-client";
import { WORKFLOW_QUEUE } from "#model/ids";
import { commentSweepId, commentWorkflowId } from "#model/pull-request";
import { readLimits } from "#worker/limits";
import type { CommentInput } from "#workflows/messages";
import type { pullRequestCommentWorkflow } from "#workflows/pull-request-comment";

/** @param text - What the gate handed on. */
export async function submitOrder(text: string, json: boolean): Promise<void> {
  const order = withJob(readOrder(text), jobUrlOf(process.env));
  await withClient(async (client) => {
    const workflowId = commentWorkflowId(order.request);
    if (await isKnown(client, workflowId)) return note(`${workflowId} is there already: this delivery changes nothing`);
    const input = await inputOf(client, order);
    if (!(await start(client, workflowId, input))) return;
    const sweepId = "spec" in input ? commentSweepId(order.request) : null;
    printData(json, { workflow_id: workflowId, sweep_id: sweepId }, workflowId);
    if (sweepId !== null) note(`queued; see it with: meshbench watch ${sweepId}`);
  });
}

const withJob = (order: CommentOrder, jobUrl: string | undefined): CommentOrder =>
  jobUrl === undefined ? order : { ...order, request: { ...order.request, jobUrl } };

/** What the comment's workflow is to do: measure, or say what there is to say. */
export async function inputOf(client: Client, { request, command, specText }: CommentOrder): Promise<CommentInput> {
  try {
    if (command.verb !== "run") return { request, ...(await carryOut(command, request, specText)) };
    const { spec } = await loadArmedPlan(command, specText, readLimits());
    await requireWorkers(client, new Set(spec.environments.map(({ host }) => host)));
    return { request, command, spec };
  } catch (error) {
    const text = refusalText(error);
    if (text === undefined) throw error;
    return { request, text, isRefusal: true };
  }
}

/** Another delivery may come at the same moment: the server lets one of them through. */
async function start(client: Client, workflowId: string, input: CommentInput): Promise<boolean> {
  try {
    await client.workflow.start<typeof pullRequestCommentWorkflow>("pullRequestCommentWorkflow", {
      taskQueue: WORKFLOW_QUEUE,
      workflowId,
      workflowIdReusePolicy: "REJECT_DUPLICATE",
      args: [input],
      staticSummary: `a comment of ${input.request.author}`,
    });
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    note(`${workflowId} is there already: this delivery changes nothing`);
    return false;
  }
}

async function isKnown(client: Client, workflowId: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId).describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
