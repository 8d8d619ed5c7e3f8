/** The queues of hosts: of this installation's, and of those elsewhere that are in use. */

import type { Client } from "@temporalio/client";
import { withClient } from "#cli/client";
import { NoAnswerError, readHostQueue } from "#cli/sweep-client";
import { UnavailableError } from "#model/errors";
import { viewOf } from "#model/host-outlook";
import type { HostQueueView } from "#model/host-outlook";
import { HOST_QUEUE_WORKFLOW } from "#model/host-queue";
import { hostOfWorkflow } from "#model/ids";
import { readHostIds, readLimits } from "#worker/limits";

interface QueueOfHost {
  readonly host: string;
  /** `null` where the host is free and nobody waits. */
  readonly queue: HostQueueView | null;
}

/** @throws {UnavailableError} Where Temporal, or a worker that could answer, is away. */
export function readHostQueues(): Promise<QueueOfHost[]> {
  return withClient(async (client) => {
    const inUse = await listHostsInUse(client);
    return Promise.all(
      [...hostsToShow(inUse)].map(async (host) => {
        const queue = await readHostQueue(client, host).catch((error: unknown) => {
          if (!(error instanceof NoAnswerError)) throw error;
          throw new UnavailableError(`${error.message} for host ${host}`, "start one: meshbench up", { cause: error });
        });
        // The queue reckons from when it last heard something.
        return { host, queue: queue ? viewOf(queue, new Date().toISOString()) : null };
      }),
    );
  });
}

/** Where this machine has none of its own, those elsewhere are what there is. */
function hostsToShow(inUse: readonly string[]): ReadonlySet<string> {
  const own = readLimits().hosts ?? (inUse.length > 0 ? [] : readHostIds());
  return new Set([...own, ...inUse]);
}

/** Whichever machine they are on. */
async function listHostsInUse(client: Client): Promise<string[]> {
  const query = `WorkflowType = "${HOST_QUEUE_WORKFLOW}" AND ExecutionStatus = "Running"`;
  const queues = await Array.fromAsync(client.workflow.list({ query }));
  return queues.map(({ workflowId }) => hostOfWorkflow(workflowId)).sort();
}
