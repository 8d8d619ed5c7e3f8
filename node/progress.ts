/** What the worker sees of this node: one row in the node's own database. */

import { PROTOCOL_VERSION } from "#model/node-protocol";
import type { NodeFailure, NodePhase, NodeResult } from "#model/node-protocol";
import type { Link } from "#node/link";
import type { LoopRecord } from "#node/loop";

const EVERY_MS = 1_000;

/** How far the main loop is. */
export type TupleCounts = Pick<LoopRecord, "tuplesLocal" | "tuplesRemote">;

interface Outcome {
  readonly result?: NodeResult;
  readonly failure?: NodeFailure;
}

export class Progress {
  readonly #own: Link;
  #counts: TupleCounts = { tuplesLocal: 0, tuplesRemote: 0 };

  constructor(own: Link) {
    this.#own = own;
  }

  enter(phase: NodePhase): Promise<void> {
    return this.#write(phase);
  }

  /** The barrier is open. Not waited for: with an agreed release it is written before t0, and the main loop left alone. */
  released(): void {
    this.#showMain();
  }

  /** From now on these counts are shown, and with `live` once a second. Call what it returns when the loop is over. */
  follow(counts: TupleCounts, live: boolean): () => void {
    this.#counts = counts;
    if (!live) return () => {};
    const timer = setInterval(() => this.#showMain(), EVERY_MS);
    return () => clearInterval(timer);
  }

  done(result: NodeResult): Promise<void> {
    return this.#write("done", { result });
  }

  fail(failure: NodeFailure): Promise<void> {
    return this.#write("failed", { failure });
  }

  /** A database that is gone ends the main loop itself, with a better message than this one. */
  #showMain(): void {
    this.#write("main").catch(() => {});
  }

  async #write(phase: NodePhase, { result, failure }: Outcome = {}): Promise<void> {
    const { tuplesLocal, tuplesRemote } = this.#counts;
    await this.#own.query(
      "REPLACE INTO progress (id, protocol, phase, tuples_local, tuples_remote, error, result) VALUES (1, ?, ?, ?, ?, ?, ?)",
      [PROTOCOL_VERSION, phase, tuplesLocal, tuplesRemote, jsonOrNull(failure), jsonOrNull(result)],
    );
  }
}

const jsonOrNull = (value: object | undefined): string | null => (value ? JSON.stringify(value) : null);
