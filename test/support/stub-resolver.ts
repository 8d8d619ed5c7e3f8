/** A resolver that nodes of this machine can ask, and that makes them wait; needs root. */

import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { once } from "node:events";

const PORT = 53;
/**
 * QR, RD, RA and "server failure": whoever asks goes on to the next resolver, whether this answer or its own time limit of
 * 5 s comes first. After "no such name" it would have asked nobody else.
 */
const SERVER_FAILURE = 0x8182;

/** `null`: never. Whatever is asked, it only says that it failed. */
type AnswerAfterMs = number | null;

export class StubResolver implements AsyncDisposable {
  readonly address: string;
  queries = 0;
  readonly #socket: Socket;

  private constructor(address: string, socket: Socket) {
    this.address = address;
    this.#socket = socket;
  }

  /** @param address - Of a network for examples, such as 192.0.2.53: this machine has it from now on. */
  static async open(address: string, answerAfterMs: AnswerAfterMs): Promise<StubResolver> {
    execFileSync("ip", ["address", "replace", `${address}/32`, "dev", "lo"]);
    const socket = createSocket("udp4");
    const stub = new StubResolver(address, socket);
    socket.on("message", (query, { address: asker, port }) => {
      stub.queries += 1;
      if (answerAfterMs === null) return;
      setTimeout(() => socket.send(refusalOf(query), port, asker), answerAfterMs).unref();
    });
    socket.bind(PORT, address);
    await once(socket, "listening");
    return stub;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, "close");
    execFileSync("ip", ["address", "delete", `${this.address}/32`, "dev", "lo"]);
  }
}

/** The question itself, with a header that says that it cannot be answered. */
function refusalOf(query: Buffer): Buffer {
  const answer = Buffer.from(query);
  answer.writeUInt16BE(SERVER_FAILURE, 2);
  return answer;
}
