/** One peer's queue of batches: at most one statement in flight, the rest in order behind it. */

import type { RowSink } from "#node/link";
import type { RowsStatement } from "#node/statements";

export interface Sendable {
  readonly rows: RowsStatement;
}

export class RemoteSender<Batch extends Sendable> {
  readonly #sink: RowSink;
  readonly #onAcknowledged: (batch: Batch, failure?: Error) => void;
  readonly #queue: Batch[] = [];
  #inFlight: Batch | undefined;

  constructor(sink: RowSink, onAcknowledged: (batch: Batch, failure?: Error) => void) {
    this.#sink = sink;
    this.#onAcknowledged = onAcknowledged;
  }

  send(batch: Batch): void {
    if (this.#inFlight) this.#queue.push(batch);
    else this.#start(batch);
  }

  #start(batch: Batch): void {
    this.#inFlight = batch;
    this.#sink.insertRows(batch.rows, this.#acknowledged);
  }

  readonly #acknowledged = (failure?: Error): void => {
    const batch = this.#inFlight as Batch;
    this.#inFlight = undefined;
    const next = this.#queue.shift();
    if (next && !failure) this.#start(next);
    this.#onAcknowledged(batch, failure);
  };
}
