/** The queues of this installation's hosts. */

import { withClient } from "#cli/client";
import { NoAnswerError, readHostQueue } from "#cli/sweep-client";
import { UnavailableError } from "#model/errors";
import type { HostQueue } from "#model/host-queue";
import { readHostIds } from "#worker/limits";

interface QueueOfHost {
  readonly host: string;
  /** `null` where the host is free and nobody waits. */
  readonly queue: HostQueue | null;
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
        return { host, queue: queue ?? null };
      }),
    ),
  );
}
