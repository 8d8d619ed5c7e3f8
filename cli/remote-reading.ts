/** What a command reads on other machines: results beside their store, logs where a run was measured. */

import { randomUUID } from "node:crypto";
import { WorkflowFailedError } from "@temporalio/client";
import type { Client } from "@temporalio/client";
import { ApplicationFailure } from "@temporalio/common";
import type { Workflow } from "@temporalio/common";
import { withClient } from "#cli/client";
import { readAnswer } from "#cli/results-pages";
import { UnavailableError } from "#model/errors";
import type { FailureKind } from "#model/errors";
import { WORKFLOW_QUEUE } from "#model/ids";
import type { AnswerTo, ResultsQuestion } from "#model/results-question";
import { queuesWithoutPoller } from "#worker/task-queues";
import type { readNodeLogsWorkflow, readResultsWorkflow } from "#workflows/remote-reading";

/** Somebody waits for it. */
const ANSWER_LIMIT = "40 seconds";

/** @throws {UnavailableError} Where Temporal does not answer, or nobody serves the store. */
export function askResultsElsewhere<Question extends ResultsQuestion>(question: Question): Promise<AnswerTo<Question>> {
  return withClient(async (client) => {
    await requireServed(client, { hosts: [] });
    const readPage = (page: number) =>
      execute<typeof readResultsWorkflow>(client, "readResultsWorkflow", { question, page });
    return (await readAnswer(readPage)) as AnswerTo<Question>;
  });
}

/**
 * @returns `undefined` where the host has neither the node nor a log that was kept of it.
 * @throws {UnavailableError} Where nobody serves the host.
 */
export async function readLogElsewhere(
  client: Client,
  node: { readonly host: string; readonly runId: string; readonly nodeIndex: number },
): Promise<string | undefined> {
  await requireServed(client, { hosts: [node.host], store: false });
  try {
    const { text } = await execute<typeof readNodeLogsWorkflow>(client, "readNodeLogsWorkflow", node);
    return text;
  } catch (error) {
    if (error instanceof UnavailableError && failureKindOf(error.cause) === "node lost") return undefined;
    throw error;
  }
}

async function requireServed(client: Client, queues: Parameters<typeof queuesWithoutPoller>[1]): Promise<void> {
  const [missing] = await queuesWithoutPoller(client, queues);
  if (missing === undefined) return;
  throw new UnavailableError(`no worker polls task queue ${missing}`, "start one on that machine: meshbench up");
}

/** @throws {UnavailableError} Where the answer does not come; its cause says why. */
async function execute<W extends Workflow>(
  client: Client,
  workflowType: string,
  input: Parameters<W>[0],
): Promise<Awaited<ReturnType<W>>> {
  try {
    return (await client.workflow.execute(workflowType, {
      workflowId: `read-${randomUUID()}`,
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
      workflowExecutionTimeout: ANSWER_LIMIT,
    })) as Awaited<ReturnType<W>>;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const why = rootOf(error).message;
    throw new UnavailableError(`another machine could not answer: ${why}`, "its worker's log says more", {
      cause: error,
    });
  }
}

function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}

function failureKindOf(error: unknown): FailureKind | undefined {
  if (error instanceof ApplicationFailure) return (error.type ?? undefined) as FailureKind | undefined;
  return error instanceof Error ? failureKindOf(error.cause) : undefined;
}
