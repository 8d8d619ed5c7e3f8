/** Whether a worker serves the task queues. */

import type { Client } from "@temporalio/client";
import proto from "@temporalio/proto";
import { hostQueueName, STORE_QUEUE, WORKFLOW_QUEUE } from "#model/ids";

/** A worker that polls asks at least this often. */
const RECENT_MS = 70_000;

const { TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY } = proto.temporal.api.enums.v1.TaskQueueType;

/**
 * @param workerPid - Only this worker counts: one that was killed stays listed for minutes.
 * @returns The queues that nobody has polled within the last minute.
 */
export async function queuesWithoutPoller(
  client: Client,
  hosts: readonly string[],
  workerPid?: number,
): Promise<string[]> {
  const queues = [
    { name: WORKFLOW_QUEUE, type: TASK_QUEUE_TYPE_WORKFLOW },
    ...[STORE_QUEUE, ...hosts.map(hostQueueName)].map((name) => ({ name, type: TASK_QUEUE_TYPE_ACTIVITY })),
  ];
  const unpolled = await Promise.all(
    queues.map(async ({ name, type }) => {
      const { pollers } = await client.workflowService.describeTaskQueue({
        namespace: client.options.namespace,
        taskQueue: { name },
        taskQueueType: type,
      });
      const recentMs = Date.now() - RECENT_MS;
      const isServing = (pollers ?? []).some(
        ({ identity, lastAccessTime }) =>
          Number(lastAccessTime?.seconds ?? 0) * 1000 > recentMs &&
          // The SDK's identity of a worker: its pid, @, its host.
          (workerPid === undefined || identity?.startsWith(`${workerPid}@`)),
      );
      return isServing ? [] : [name];
    }),
  );
  return unpolled.flat();
}
