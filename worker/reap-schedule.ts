/** The reaper's Temporal Schedule, one for each host: leftovers go also where no run and no worker starts. */

import { ScheduleAlreadyRunning, ScheduleOverlapPolicy } from "@temporalio/client";
import type { Client, ScheduleOptions } from "@temporalio/client";
import { WORKFLOW_QUEUE } from "#model/ids";
import { REAP_HOST_WORKFLOW } from "#model/reaping";

/** With the pass itself under the five minutes after a deadline that are promised. */
const EVERY = "4 minutes";

const scheduleIdOf = (host: string): string => `meshbench-reap-${host}`;

/** Makes the host's schedule, or brings it up to date. Safe to repeat, by several workers. */
export async function ensureReapSchedule(client: Client, host: string): Promise<void> {
  const options = {
    scheduleId: scheduleIdOf(host),
    spec: { intervals: [{ every: EVERY }] },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: "1 minute" },
    action: {
      type: "startWorkflow",
      workflowType: REAP_HOST_WORKFLOW,
      workflowId: `reap-${host}`,
      taskQueue: WORKFLOW_QUEUE,
      args: [{ host }],
      workflowExecutionTimeout: EVERY,
    },
  } as const satisfies ScheduleOptions;
  try {
    await client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await client.schedule.getHandle(options.scheduleId).update((existing) => ({ ...existing, ...options }));
  }
}
