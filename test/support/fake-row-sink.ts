/** A database of the main loop that acknowledges when the test says so, or as soon as the stack is empty. */

import type { Acknowledged, RowSink } from "#node/link";
import type { RowsStatement } from "#node/statements";

export class FakeRowSink implements RowSink {
  /** What was sent, in order: a key in hex, or a whole statement. */
  readonly sent: string[] = [];
  mostInFlight = 0;
  readonly #acknowledges: "at once" | "when told";
  readonly #inFlight: Acknowledged[] = [];
  readonly #journal: string[];
  readonly #name: string;

  /** @param journal - Shared by several databases, it gets what they were sent in the order of all. */
  constructor(acknowledges: "at once" | "when told", name = "", journal: string[] = []) {
    this.#acknowledges = acknowledges;
    this.#name = name;
    this.#journal = journal;
  }

  insertRow(key: Buffer, _value: number, acknowledged: Acknowledged): void {
    this.#take(key.toString("hex"), acknowledged);
  }

  insertRows(rows: RowsStatement, acknowledged: Acknowledged): void {
    this.#take(rows.insert(0), acknowledged);
  }

  /** Acknowledges the oldest statement in flight, or fails it. */
  acknowledge(failure?: Error): void {
    const acknowledged = this.#inFlight.shift();
    if (!acknowledged) throw new Error("nothing is in flight");
    acknowledged(failure);
  }

  #take(text: string, acknowledged: Acknowledged): void {
    this.sent.push(text);
    this.#journal.push(this.#name);
    this.#inFlight.push(acknowledged);
    this.mostInFlight = Math.max(this.mostInFlight, this.#inFlight.length);
    if (this.#acknowledges === "at once") queueMicrotask(() => this.acknowledge());
  }
}
