/** Whether this worker can reach its nodes at all: an engine inside a virtual machine has addresses of its own. */

import { connect } from "node:net";
import { BenchError } from "#model/errors";
import type { NodeHandle } from "#model/run";

const ANSWER_LIMIT_MS = 2000;

/**
 * A refused connection is an answer: the node is there, its database is not yet.
 * @throws {BenchError} `no route` where nothing comes back from the node's address.
 */
export async function checkRoute({
  address,
  port,
  index,
}: Pick<NodeHandle, "address" | "port" | "index">): Promise<void> {
  const problem = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ host: address, port, timeout: ANSWER_LIMIT_MS });
    const settle = (result?: string) => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", () => settle());
    socket.once("timeout", () => settle(`no answer within ${ANSWER_LIMIT_MS} ms`));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      settle(error.code === "ECONNREFUSED" ? undefined : error.code),
    );
  });
  if (problem === undefined) return;
  throw new BenchError("no route", `nothing comes back from ${address}:${port}: ${problem}`, { node: index });
}
