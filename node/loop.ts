/** What both clients of the main loop take and what they leave behind. */

import type { DataTable } from "#model/node-tables";
import type { TupleStream } from "#model/tuples";
import { Lateness } from "#node/lateness";
import type { RowSink } from "#node/link";
import type { Schedule } from "#node/schedule";

export interface LoopInput {
  readonly schedule: Schedule;
  readonly tuples: TupleStream;
  readonly table: DataTable;
  /** AG: tuples of one statement to a peer. */
  readonly aggregation: number;
  /** Connections to the own database; each takes one insert at a time. */
  readonly local: readonly RowSink[];
  /** One connection for each peer, or for each further copy in `baseline`. */
  readonly remote: readonly RowSink[];
  /** Least time between two looks at the schedule. */
  readonly tickUs: number;
  readonly record: LoopRecord;
}

/** Filled in while the loop runs; progress is read from it. */
export class LoopRecord {
  /** Due time to the look that found the tuple due. */
  readonly pacing = new Lateness();
  /** Due time to the own database's acknowledgement. */
  readonly local = new Lateness();
  /** Due time to the slowest peer's acknowledgement. */
  readonly remote = new Lateness();
  tuplesLocal = 0;
  /** Acknowledged by all peers. */
  tuplesRemote = 0;
  saturatedBatches = 0;
  saturatedUs = 0;
  lastAcknowledgedUs = 0;
}
