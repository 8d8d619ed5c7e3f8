/** Whether histories replay with a bundle of workflows. */

import { Worker } from "@temporalio/worker";
import type { WorkflowBundle } from "@temporalio/worker";
import { installQuietRuntime } from "#test/support/temporal";
import type { RecordedWorkflow } from "#test/chaos/support/workflow-histories";

/** @returns Of each that does not: its id and why. */
export async function replay(
  workflowBundle: WorkflowBundle,
  histories: readonly Pick<RecordedWorkflow, "workflowId" | "history">[],
): Promise<string[]> {
  // The SDK's native part goes when a replay is over.
  installQuietRuntime();
  const results = await Array.fromAsync(Worker.runReplayHistories({ workflowBundle }, histories));
  return results.filter(({ error }) => error).map(({ workflowId, error }) => `${workflowId}: ${error?.message}`);
}
