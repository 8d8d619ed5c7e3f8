/** `meshbench nightly nudge`: begins the nights whose time has come, where nobody has yet. Again, it changes nothing. */

import { WorkflowExecutionAlreadyStartedError } from "@temporalio/client";
import type { Client } from "@temporalio/client";
import type { ScheduledNightly } from "#cli/nightly/schedules";
import { WORKFLOW_QUEUE } from "#model/ids";
import { nightWorkflowId } from "#model/nightly";
import { dueNight } from "#model/nightly-calendar";
import type { nightlyWorkflow } from "#workflows/nightly";

export interface Nudged {
  readonly name: string;
  /** Of the night that is due; `null` where none is. */
  readonly date: string | null;
  readonly outcome: "begun" | "begun before" | "not due" | "paused";
}

export async function nudge(client: Client, { nightly, isPaused }: ScheduledNightly, now: Date): Promise<Nudged> {
  const { name, calendar, catchUpSec } = nightly;
  if (isPaused) return { name, date: null, outcome: "paused" };
  const date = dueNight(calendar, { catchUpSec, now });
  if (date === undefined) return { name, date: null, outcome: "not due" };
  try {
    await client.workflow.start<typeof nightlyWorkflow>("nightlyWorkflow", {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: nightWorkflowId(name, date),
      workflowIdReusePolicy: "REJECT_DUPLICATE",
      args: [{ nightly, date }],
      staticSummary: `${name}, night of ${date}`,
    });
    return { name, date, outcome: "begun" };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    return { name, date, outcome: "begun before" };
  }
}
