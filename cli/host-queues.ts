/** The queues of this installation's hosts. */

import { withClient } from "#cli/client";
import { NoAnswerError, readHostQueue } from "#cli/sweep-client";
import { UnavailableError } from "#model/errors";
import { viewOf } from "#model/host-outlook";
import type { HostQueueView } from "#model/host-outlook";
import { readHostIds } from "#worker/limits";

interface QueueOfHost {
  readonly host: string;
  /** `null` where the host is free and nobody waits. */
  readonly queue: HostQueueView | null;
}

/** @throws {UnavailableError} Where Temporal, or a worker that could answer, is away. */
export function readHostQueues(): Promise<QueueOfHost[]> {
  return withClient((client) =>
    Promise.all(
      readHostIds().map(async (host) => {
        const queue = await readHostQueue(client, host).catch((error: unknown) => {
          if (!(error instanceof NoAnswerError)) throw error;
          throw new UnavailableError(`${error.message} for host ${host}`, "start one: meshbench up", { cause: error });
        });
        // The queue reckons from when it last heard something.
        return { host, queue: queue ? viewOf(queue, new Date().toISOString()) : null };
      }),
    ),
  );
}
