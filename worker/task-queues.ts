/** Whether a worker serves the task queues, and which. */

import { hostname } from "node:os";
import type { Client } from "@temporalio/client";
import proto from "@temporalio/proto";
import { identifyProcess } from "#activities/process-identity";
import { UnavailableError } from "#model/errors";
import { GITHUB_QUEUE, hostQueueName, STORE_QUEUE, WORKFLOW_QUEUE } from "#model/ids";

/** A worker that polls asks at least this often. */
const RECENT_MS = 70_000;

const { TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY } = proto.temporal.api.enums.v1.TaskQueueType;

interface WantedQueues {
  readonly hosts: readonly string[];
  /** Whether the results store has to be served; so unless said. */
  readonly store?: boolean;
  /** Whether GitHub has to be reached; not so unless said. */
  readonly github?: boolean;
  /** Only this worker counts: one that was killed stays listed for minutes. */
  readonly workerPid?: number;
}

/** @returns The queues that nobody serves. */
export async function queuesWithoutPoller(
  client: Client,
  { hosts, store = true, github = false, workerPid }: WantedQueues,
): Promise<string[]> {
  const shared = [...(store ? [STORE_QUEUE] : []), ...(github ? [GITHUB_QUEUE] : [])];
  const activityQueues = [...shared, ...hosts.map(hostQueueName)];
  const queues = [
    { name: WORKFLOW_QUEUE, type: TASK_QUEUE_TYPE_WORKFLOW },
    ...activityQueues.map((name) => ({ name, type: TASK_QUEUE_TYPE_ACTIVITY })),
  ];
  const unpolled = await Promise.all(
    queues.map(async ({ name, type }) => {
      const identities = await pollersOf(client, name, type);
      // The SDK's identity of a worker: its pid, @, its host.
      const isServing = identities.some((one) => workerPid === undefined || one.startsWith(`${workerPid}@`));
      return isServing ? [] : [name];
    }),
  );
  return unpolled.flat();
}

/**
 * Who serves the results store: two that do not share it would each get a part of every sweep.
 * @param identity - See `storeWorkerIdentity`.
 * @throws {UnavailableError} Where somebody else does, or did a minute ago.
 */
export async function requireOnlyStore(client: Client, identity: string): Promise<void> {
  const place = placeOf(identity);
  const others = await pollersOf(client, STORE_QUEUE, TASK_QUEUE_TYPE_ACTIVITY);
  const other = others.map(placeOf).find((one) => one !== place);
  if (other === undefined) return;
  throw new UnavailableError(
    `the results of this Temporal namespace are kept at ${other} already`,
    "say in hosts.yaml that they are elsewhere: results: elsewhere; or stop the worker there, and wait a minute",
  );
}

/**
 * Two machines with a host of one name would each get a part of its runs.
 * @param hosts - Those that only a worker on this machine can serve.
 * @throws {UnavailableError} Where a worker on another machine does, or did a minute ago.
 */
export async function requireOnlyMachine(client: Client, hosts: readonly string[]): Promise<void> {
  for (const host of hosts) {
    const identities = await pollersOf(client, hostQueueName(host), TASK_QUEUE_TYPE_ACTIVITY);
    const other = identities.map(placeOf).find((machine) => machine !== hostname());
    if (other === undefined) continue;
    throw new UnavailableError(
      `host ${host} is served by a worker on ${other} already`,
      "hosts of one Temporal namespace have names of their own: change it in hosts.yaml; or stop the worker there, and wait a minute",
    );
  }
}

/** Of a worker beside the results store: who it is, and which store it has. */
export const storeWorkerIdentity = (resultsDir: string): string => `${process.pid}@${hostname()}:${resultsDir}`;

const placeOf = (identity: string): string => identity.slice(identity.indexOf("@") + 1);

/**
 * The server lists whoever polled in the last five minutes, by its own clock.
 * @returns Identities of those who have polled it within the last minute, or run on this machine.
 */
async function pollersOf(client: Client, name: string, taskQueueType: number): Promise<string[]> {
  const { namespace } = client.options;
  const taskQueue = { name };
  const { pollers } = await client.workflowService.describeTaskQueue({ namespace, taskQueue, taskQueueType });
  const recentMs = Date.now() - RECENT_MS;
  return (pollers ?? []).flatMap(({ identity, lastAccessTime }) => {
    const isRecent = Number(lastAccessTime?.seconds ?? 0) * 1000 > recentMs;
    return identity && (isRecent || runsHere(identity)) ? [identity] : [];
  });
}

/** What a clock that is minutes ahead of the server's would call long ago. */
function runsHere(identity: string): boolean {
  const [, pid, machine] = /^(\d+)@([^:]+)/.exec(identity) ?? [];
  return machine === hostname() && identifyProcess(Number(pid)) !== undefined;
}
