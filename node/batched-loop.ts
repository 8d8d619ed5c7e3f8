/**
 * `client: batched`. Local inserts go out as they fall due, one statement each; beside them every full batch goes to all
 * peers, one statement each. Open loop: a late node goes on at once and never moves its schedule.
 */

import { KEY_BYTES } from "#model/tuples";
import type { TupleBatch } from "#model/tuples";
import { nowUs, timerMs } from "#node/clock";
import type { RowSink } from "#node/link";
import type { LoopInput } from "#node/loop";
import { RemoteSender } from "#node/remote-sender";
import { RowsStatement } from "#node/statements";

/** Tuples a node may be ahead of its slowest peer before local inserts wait for it. */
const AHEAD_TUPLES = 6_400;

/** Batches under way at once, the one being filled included. */
export const openBatchLimit = (aggregation: number): number => Math.max(2, Math.ceil(AHEAD_TUPLES / aggregation));

/** Resolves with the last acknowledgement. */
export function runBatchedLoop(input: LoopInput): Promise<void> {
  return new Promise((resolve, reject) => {
    new BatchedLoop(input, resolve, reject).start();
  });
}

/** AG consecutive tuples, from the first local insert to the last peer's acknowledgement. */
class Batch {
  /** k of its first tuple. */
  readonly firstTuple: number;
  readonly tuples: TupleBatch;
  readonly #table: LoopInput["table"];
  #rows: RowsStatement | undefined;
  sent = 0;
  localLeft: number;
  peersLeft: number;

  constructor(firstTuple: number, tuples: TupleBatch, peers: number, table: LoopInput["table"]) {
    this.firstTuple = firstTuple;
    this.tuples = tuples;
    this.#table = table;
    this.localLeft = tuples.count;
    this.peersLeft = peers;
  }

  get isFullySent(): boolean {
    return this.sent === this.tuples.count;
  }

  get rows(): RowsStatement {
    this.#rows ??= new RowsStatement(this.#table, this.tuples);
    return this.#rows;
  }
}

/** A connection to the own database, with the tuple it is inserting. One callback for all its inserts. */
class LocalLine {
  readonly #sink: RowSink;
  readonly #onAcknowledged: (line: LocalLine, failure?: Error) => void;
  batch!: Batch;
  tuple = 0;

  constructor(sink: RowSink, onAcknowledged: (line: LocalLine, failure?: Error) => void) {
    this.#sink = sink;
    this.#onAcknowledged = onAcknowledged;
  }

  insertNextOf(batch: Batch): void {
    const at = batch.sent++;
    const { keys, values } = batch.tuples;
    this.batch = batch;
    this.tuple = batch.firstTuple + at;
    this.#sink.insertRow(keys.subarray(at * KEY_BYTES, (at + 1) * KEY_BYTES), values[at] as number, this.#acknowledged);
  }

  readonly #acknowledged = (failure?: Error): void => this.#onAcknowledged(this, failure);
}

class BatchedLoop {
  readonly #input: LoopInput;
  readonly #resolve: () => void;
  readonly #reject: (failure: Error) => void;
  readonly #openBatchLimit: number;
  readonly #idle: LocalLine[];
  readonly #senders: RemoteSender<Batch>[];
  #due = 0;
  #sent = 0;
  #filling: Batch | undefined;
  #openBatches = 0;
  #saturatedSinceUs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(input: LoopInput, resolve: () => void, reject: (failure: Error) => void) {
    this.#input = input;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#openBatchLimit = openBatchLimit(input.aggregation);
    this.#idle = input.local.map((sink) => new LocalLine(sink, this.#onLocalAcknowledged));
    this.#senders = input.remote.map((sink) => new RemoteSender(sink, this.#onRemoteAcknowledged));
  }

  start(): void {
    this.#look();
  }

  readonly #look = (): void => {
    const { schedule, tickUs } = this.#input;
    const instantUs = nowUs();
    this.#insertDue(instantUs);
    if (this.#isOver || this.#due === schedule.tupleCount) return;
    const nextUs = schedule.nextLookUs(instantUs, this.#due, tickUs);
    this.#timer = setTimeout(this.#look, timerMs(nextUs - nowUs()));
  };

  /** Everything due goes out, as far as connections and the slowest peer allow. */
  #insertDue(instantUs: number): void {
    this.#noteDue(instantUs);
    while (this.#sent < this.#due && this.#idle.length > 0) {
      const batch = this.#batchToFill(instantUs);
      if (!batch) return;
      this.#sent++;
      this.#idle.pop()?.insertNextOf(batch);
    }
  }

  #noteDue(instantUs: number): void {
    const { schedule, record } = this.#input;
    const due = schedule.dueBy(instantUs);
    while (this.#due < due) record.pacing.record(instantUs - schedule.dueUs(++this.#due));
  }

  /** The batch that the next tuple belongs to; none where the slowest peer is too far behind for another. */
  #batchToFill(instantUs: number): Batch | undefined {
    if (this.#filling && !this.#filling.isFullySent) return this.#filling;
    if (this.#isSaturated(instantUs)) return undefined;
    this.#filling = this.#beginBatch();
    return this.#filling;
  }

  #beginBatch(): Batch {
    const { schedule, tuples, aggregation, remote, table } = this.#input;
    const count = Math.min(aggregation, schedule.tupleCount - this.#sent);
    this.#openBatches++;
    return new Batch(this.#sent + 1, tuples.take(count), remote.length, table);
  }

  #isSaturated(instantUs: number): boolean {
    const { record } = this.#input;
    if (this.#openBatches >= this.#openBatchLimit) {
      if (this.#saturatedSinceUs === undefined) {
        this.#saturatedSinceUs = instantUs;
        record.saturatedBatches++;
      }
      return true;
    }
    if (this.#saturatedSinceUs !== undefined) {
      record.saturatedUs += instantUs - this.#saturatedSinceUs;
      this.#saturatedSinceUs = undefined;
    }
    return false;
  }

  readonly #onLocalAcknowledged = (line: LocalLine, failure?: Error): void => {
    if (this.#isOver) return;
    if (failure) {
      this.#fail(failure);
      return;
    }
    const instantUs = nowUs();
    const { schedule, record } = this.#input;
    record.local.record(instantUs - schedule.dueUs(line.tuple));
    record.lastAcknowledgedUs = instantUs;
    record.tuplesLocal++;
    this.#idle.push(line);
    if (--line.batch.localLeft === 0) this.#passOn(line.batch, instantUs);
    if (!this.#isOver) this.#insertDue(instantUs);
  };

  #passOn(batch: Batch, instantUs: number): void {
    for (const sender of this.#senders) sender.send(batch);
    if (batch.peersLeft === 0) this.#close(instantUs);
  }

  readonly #onRemoteAcknowledged = (batch: Batch, failure?: Error): void => {
    if (this.#isOver) return;
    if (failure) {
      this.#fail(failure);
      return;
    }
    if (--batch.peersLeft > 0) return;
    const instantUs = nowUs();
    const { schedule, record } = this.#input;
    const { firstTuple, tuples } = batch;
    for (let i = 0; i < tuples.count; i++) record.remote.record(instantUs - schedule.dueUs(firstTuple + i));
    record.lastAcknowledgedUs = instantUs;
    record.tuplesRemote += tuples.count;
    this.#close(instantUs);
  };

  #close(instantUs: number): void {
    this.#openBatches--;
    const isAllSent = this.#sent === this.#input.schedule.tupleCount;
    if (isAllSent && this.#openBatches === 0) this.#end(this.#resolve);
    else if (this.#saturatedSinceUs !== undefined) this.#insertDue(instantUs);
  }

  #fail(failure: Error): void {
    this.#end(() => this.#reject(failure));
  }

  #end(settle: () => void): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    settle();
  }
}
