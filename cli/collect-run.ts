/**
 * `collect`: what a run measured is fetched again from its nodes, which were kept since it could not be stored. It goes on
 * as an interrupted run does: with the nodes as they are, and to the same row.
 */

import type { Client, WorkflowExecutionDescription } from "@temporalio/client";
import { WorkflowFailedError, WorkflowNotFoundError } from "@temporalio/client";
import { defaultPayloadConverter } from "@temporalio/common";
import { withClient } from "#cli/client";
import { note, printData } from "#cli/output";
import { requireWorkers } from "#cli/sweep-client";
import { EXIT, InputError } from "#model/errors";
import { isRunId, runWorkflowId, WORKFLOW_QUEUE } from "#model/ids";
import { NODES_KEPT_MEMO } from "#model/reaping";
import type { RunRow } from "#model/result-row";
import { formatSweepTable } from "#report/terminal-table";
import type { benchmarkRunWorkflow } from "#workflows/benchmark-run";
import type { BenchmarkRunInput } from "#workflows/messages";

/** @returns The exit code. @throws {InputError} Where no nodes of this run are kept. */
export async function collectRun(runId: string, { json }: { readonly json: boolean }): Promise<number> {
  if (!isRunId(runId)) throw refusal(runId, "no run id", "meshbench status SWEEP shows them");
  return withClient(async (client) => {
    await goOn(client, runId);
    note(`collecting from the nodes of ${runId}; interrupted, this command can be repeated`);
    const row = await rowOf(client, runId);
    printData(json, row, formatSweepTable([row]));
    return row.status === "VALID" || row.status === "SUSPECT" ? EXIT.ok : EXIT.someRunsFailed;
  });
}

/** Does nothing where it goes on already. */
async function goOn(client: Client, runId: string): Promise<void> {
  const description = await describe(client, runId);
  if (description.status.name === "RUNNING") return;
  if (description.memo?.[NODES_KEPT_MEMO] !== true) {
    throw refusal(runId, "its nodes were not kept", "`keep: on-failure` in a spec keeps those of runs that fail");
  }
  const { run } = await readInput(client, runId);
  await requireWorkers(client, new Set([run.environment.host]));
  await client.workflow.start<typeof benchmarkRunWorkflow>("benchmarkRunWorkflow", {
    workflowId: runWorkflowId(runId),
    taskQueue: WORKFLOW_QUEUE,
    workflowIdReusePolicy: "ALLOW_DUPLICATE",
    args: [{ run, earlier: "ended" }],
    staticSummary: `collected again: ${runId}`,
  });
}

async function describe(client: Client, runId: string): Promise<WorkflowExecutionDescription> {
  try {
    return await client.workflow.getHandle(runWorkflowId(runId)).describe();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw refusal(runId, "Temporal knows no such run", "meshbench list shows all sweeps");
  }
}

async function readInput(client: Client, runId: string): Promise<BenchmarkRunInput> {
  const { namespace } = client.options;
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace,
    execution: { workflowId: runWorkflowId(runId) },
    maximumPageSize: 1,
  });
  const [payload] = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  if (payload === undefined) throw refusal(runId, "Temporal no longer has what it was started with");
  return defaultPayloadConverter.fromPayload<BenchmarkRunInput>(payload);
}

async function rowOf(client: Client, runId: string): Promise<RunRow> {
  try {
    return await client.workflow.getHandle<typeof benchmarkRunWorkflow>(runWorkflowId(runId)).result();
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    throw refusal(runId, `it did not end by itself: ${error.cause?.message ?? error.message}`);
  }
}

const refusal = (value: string, rule: string, hint?: string): InputError =>
  new InputError([{ field: "RUN", value, rule, ...(hint !== undefined && { hint }) }]);
