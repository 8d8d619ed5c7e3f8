/** The reaper's Temporal Schedule, one for each host: leftovers go also where no run and no worker starts. */

import { hostname } from "node:os";
import { ScheduleAlreadyRunning, ScheduleOverlapPolicy } from "@temporalio/client";
import type { Client, ScheduleOptions } from "@temporalio/client";
import { WORKFLOW_QUEUE } from "#model/ids";
import { REAP_HOST_WORKFLOW } from "#model/reaping";
import type { Installation } from "#worker/installation";

/** With the pass itself under the five minutes after a deadline that are promised. */
const EVERY = "4 minutes";

const ID_PREFIX = "meshbench-reap-";
const scheduleIdOf = (host: string): string => `${ID_PREFIX}${host}`;

/** In a schedule's memo: whose hosts.yaml has the host. Other installations of the namespace have schedules, too. */
const KEEPER = "meshbenchKeeper";
const keeperOf = ({ home }: Installation): string => `${hostname()}:${home}`;

/** Every host of the installation has its schedule, and none that was taken out of its hosts.yaml. */
export async function keepReapSchedules(
  client: Client,
  hosts: readonly string[],
  installation: Installation,
): Promise<void> {
  const keeper = keeperOf(installation);
  for (const host of hosts) await ensureReapSchedule(client, host, keeper);
  const wanted = new Set(hosts.map(scheduleIdOf));
  for await (const { scheduleId, memo } of client.schedule.list()) {
    if (!scheduleId.startsWith(ID_PREFIX) || memo?.[KEEPER] !== keeper || wanted.has(scheduleId)) continue;
    await client.schedule.getHandle(scheduleId).delete();
  }
}

/** Makes the host's schedule, or brings it up to date. Safe to repeat, by several workers. */
async function ensureReapSchedule(client: Client, host: string, keeper: string): Promise<void> {
  const options = {
    scheduleId: scheduleIdOf(host),
    memo: { [KEEPER]: keeper },
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
