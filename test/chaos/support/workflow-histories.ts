/** All workflows that an installation's Temporal server has, with their histories. */

import type { Client } from "@temporalio/client";
import type { Worker } from "@temporalio/worker";
import type { InstallationHarness } from "#test/support/installation-harness";

type History = Parameters<typeof Worker.runReplayHistory>[1];

export interface RecordedWorkflow {
  readonly workflowId: string;
  readonly type: string;
  /** `RUNNING`, `COMPLETED`, `TERMINATED`, … */
  readonly status: string;
  readonly eventCount: number;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly closedAtMs?: number;
  readonly history: History;
}

export const readWorkflows = (installation: InstallationHarness): Promise<RecordedWorkflow[]> =>
  installation.withClient((client) => Array.fromAsync(readAll(client)));

async function* readAll(client: Client): AsyncGenerator<RecordedWorkflow> {
  for await (const { workflowId, runId } of client.workflow.list()) {
    const handle = client.workflow.getHandle(workflowId, runId);
    // What the list says may be a second old.
    const { type, status, historyLength, historySize, closeTime } = await handle.describe();
    const history = (await handle.fetchHistory()) as History;
    yield {
      workflowId,
      type,
      status: status.name,
      eventCount: historyLength,
      sizeBytes: historySize ?? 0,
      ...(closeTime && { closedAtMs: closeTime.getTime() }),
      history,
    };
  }
}
