/** QEMU's monitor (QMP): asks a machine what state it is in. */

import { createConnection } from "node:net";
import type { Socket } from "node:net";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { z } from "zod";

const ANSWER_LIMIT_MS = 2000;

const messageShape = z.object({
  return: z.unknown().optional(),
  error: z.object({ desc: z.string() }).optional(),
});

const statusShape = z.object({ status: z.string() });

/**
 * @param path - Of its socket, at most 107 characters.
 * @returns QEMU's own word, such as `running`, `paused` or `guest-panicked`; `undefined` where nobody answers in time.
 */
export async function askMachineStatus(path: string): Promise<string | undefined> {
  const answer = await askMonitor(path, ["query-status"]).catch(() => undefined);
  const status = statusShape.safeParse(answer?.[0]);
  return status.success ? status.data.status : undefined;
}

/**
 * Sends commands, each after the answer to the one before.
 * @returns Their answers.
 * @throws {Error} A command is refused, or nobody answers in time.
 */
export async function askMonitor(
  path: string,
  commands: readonly (string | { readonly execute: string; readonly arguments: object })[],
): Promise<unknown[]> {
  const socket = createConnection(path);
  const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
  try {
    await once(socket, "connect", { signal });
    const answers = readAnswers(socket, signal);
    const results: unknown[] = [];
    for (const command of ["qmp_capabilities", ...commands]) {
      socket.write(`${JSON.stringify(typeof command === "string" ? { execute: command } : command)}\n`);
      results.push(await answers());
    }
    return results.slice(1);
  } finally {
    socket.destroy();
  }
}

/** What is neither an answer nor a refusal is the greeting, or an event. */
function readAnswers(socket: Socket, signal: AbortSignal): () => Promise<unknown> {
  const lines = createInterface({ input: socket, signal })[Symbol.asyncIterator]();
  return async () => {
    for (;;) {
      const { value, done } = await lines.next();
      signal.throwIfAborted();
      if (done) throw new Error("the monitor hung up");
      const message = messageShape.parse(JSON.parse(value));
      if (message.error) throw new Error(message.error.desc);
      if (message.return !== undefined) return message.return;
    }
  };
}
