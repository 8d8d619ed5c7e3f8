/** A name server that is of no use, as the paper's VMs may have had one. */

import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

const PORT = 53;
/** Of the second byte pair of a DNS header: an answer, recursion available. */
const ANSWER = 0x8180;
const NO_SUCH_NAME = 3;

export class ResolverStub implements AsyncDisposable {
  readonly address: string;
  readonly #socket: Socket;
  readonly #delayMs: number;
  /** How many questions came. */
  asked = 0;

  private constructor(address: string, socket: Socket, delayMs: number) {
    this.address = address;
    this.#socket = socket;
    this.#delayMs = delayMs;
    socket.on("message", (question, from) => void this.#answer(question, from.port, from.address));
  }

  /**
   * Says of every name that it does not exist.
   * @param address - Of this machine, where nodes reach it.
   * @param delayMs - Until it says so.
   */
  static async open(address: string, delayMs: number): Promise<ResolverStub> {
    const socket = createSocket("udp4");
    socket.bind(PORT, address);
    await once(socket, "listening");
    return new ResolverStub(address, socket, delayMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }

  async #answer(question: Buffer, port: number, address: string): Promise<void> {
    this.asked++;
    const answer = Buffer.from(question);
    answer.writeUInt16BE(ANSWER | NO_SUCH_NAME, 2);
    await delay(this.#delayMs);
    this.#socket.send(answer, port, address, () => {}); // whoever asked may have given up
  }
}
