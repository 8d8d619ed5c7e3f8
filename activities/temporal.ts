/** What workflows ask of Temporal itself: only a client can start another workflow with a signal, or see who has ended. */

import { Context } from "@temporalio/activity";
import { WorkflowNotFoundError } from "@temporalio/client";
import type { Client, WorkflowExecutionDescription, WorkflowHandle } from "@temporalio/client";
import pLimit from "p-limit";
import type { TemporalActivities } from "#activities/index";
import type { HostQueueView } from "#model/host-outlook";
import { GET_HOST_QUEUE_QUERY, HOST_QUEUE_WORKFLOW, REQUEST_HOST_SIGNAL, STAND_ASIDE_SIGNAL } from "#model/host-queue";
import { hostWorkflowId, runWorkflowId, WORKFLOW_QUEUE } from "#model/ids";
import { reportWorkflowId, SWEEP_OPENED_SIGNAL, SWEEP_REPORT_WORKFLOW } from "#model/pull-request";
import type { SweepReport } from "#model/pull-request";
import { NODES_KEPT_MEMO } from "#model/reaping";
import type { RunOutcome } from "#model/reaping";

const WATCH_EVERY_MS = 5_000;
const HEARTBEAT_MS = 2_000;
const QUESTION_CONCURRENCY = 16;

/** @param watchEveryMs - How often workflows are looked at; a lease whose holder was terminated lasts this much longer. */
export function createTemporalActivities({
  client,
  watchEveryMs = WATCH_EVERY_MS,
}: {
  client: Client;
  watchEveryMs?: number;
}): TemporalActivities {
  async function requestHost({
    host,
    request,
  }: Parameters<TemporalActivities["requestHost"]>[0]): ReturnType<TemporalActivities["requestHost"]> {
    const queue = await signalQueue(client, host, REQUEST_HOST_SIGNAL, request);
    try {
      const { prospects } = await queue.query<HostQueueView>(GET_HOST_QUEUE_QUERY);
      const prospect = prospects.find(({ holder }) => holder === request.holder);
      return prospect === undefined ? {} : { prospect };
    } catch {
      return {}; // it is asked for, and that counts; the outlook only helps to read
    }
  }

  async function standAside({ host, owner }: { host: string; owner: string }): Promise<void> {
    await signalQueue(client, host, STAND_ASIDE_SIGNAL, { owner });
  }

  async function openReport(report: SweepReport): Promise<void> {
    const { sweepId } = report.sweep;
    await client.workflow.signalWithStart(SWEEP_REPORT_WORKFLOW, {
      workflowId: reportWorkflowId(sweepId),
      taskQueue: WORKFLOW_QUEUE,
      args: [report],
      signal: SWEEP_OPENED_SIGNAL,
      staticSummary: `What GitHub shows of ${sweepId}`,
    });
  }

  async function watchWorkflows({ workflowIds }: { workflowIds: string[] }): Promise<{ ended: string[] }> {
    for (;;) {
      Context.current().heartbeat();
      const outcomes = await outcomesOf(client, workflowIds);
      const ended = outcomes.filter(({ outcome }) => outcome !== "open").map(({ id }) => id);
      if (ended.length > 0) return { ended };
      await Context.current().sleep(watchEveryMs);
    }
  }

  async function awaitWorkflowsEnded({ workflowIds }: { workflowIds: string[] }): Promise<{ ended: string[] }> {
    const beating = setInterval(() => Context.current().heartbeat(), HEARTBEAT_MS);
    try {
      for (;;) {
        const outcomes = await outcomesOf(client, workflowIds);
        const ended = outcomes.filter(({ outcome }) => outcome === "ended").map(({ id }) => id);
        if (outcomes.every(({ outcome }) => outcome !== "open")) return { ended };
        await Context.current().sleep(watchEveryMs);
      }
    } finally {
      clearInterval(beating);
    }
  }

  return { requestHost, standAside, openReport, watchWorkflows, awaitWorkflowsEnded };
}

async function signalQueue(client: Client, host: string, signal: string, message: object): Promise<WorkflowHandle> {
  return client.workflow.signalWithStart(HOST_QUEUE_WORKFLOW, {
    workflowId: hostWorkflowId(host),
    taskQueue: WORKFLOW_QUEUE,
    args: [{ host }],
    signal,
    signalArgs: [message],
    staticSummary: `Who measures on ${host}, and who is next`,
  });
}

/** A sweep may ask for all its runs: not all at once. */
async function outcomesOf(client: Client, workflowIds: readonly string[]) {
  const slots = pLimit(QUESTION_CONCURRENCY);
  return Promise.all(workflowIds.map((id) => slots(async () => ({ id, outcome: await outcomeOf(client, id) }))));
}

/** What Temporal knows of a run: `AskRunOutcome` over a client. */
export const askTemporalForRun =
  (client: Client) =>
  async (runId: string): Promise<RunOutcome> => {
    const description = await describeWorkflow(client, runWorkflowId(runId));
    const outcome = outcomeIn(description);
    return outcome === "ended" && description?.memo?.[NODES_KEPT_MEMO] === true ? "kept" : outcome;
  };

const outcomeOf = async (client: Client, workflowId: string): Promise<Exclude<RunOutcome, "kept">> =>
  outcomeIn(await describeWorkflow(client, workflowId));

function outcomeIn(description: WorkflowExecutionDescription | undefined): Exclude<RunOutcome, "kept"> {
  if (description === undefined) return "unknown";
  return description.status.name === "RUNNING" ? "open" : "ended";
}

/** The newest with this id. */
async function describeWorkflow(client: Client, workflowId: string): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await client.workflow.getHandle(workflowId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
