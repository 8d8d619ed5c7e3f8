/**
 * `client: literal`, the paper's loop as it is told: one awaited statement at a time, and every AG tuples the same ones
 * row by row to peer after peer, while local inserts wait.
 */

import { KEY_BYTES } from "#model/tuples";
import type { TupleBatch } from "#model/tuples";
import { nowUs, sleepUntil } from "#node/clock";
import type { RowSink } from "#node/link";
import type { LoopInput } from "#node/loop";

export async function runLiteralLoop(input: LoopInput): Promise<void> {
  const { schedule, tuples, aggregation } = input;
  for (let begun = 0; begun < schedule.tupleCount; begun += aggregation) {
    const batch = tuples.take(Math.min(aggregation, schedule.tupleCount - begun));
    await insertLocally(input, begun + 1, batch);
    await insertRemotely(input, begun + 1, batch);
  }
}

async function insertLocally({ schedule, local, record }: LoopInput, firstTuple: number, batch: TupleBatch) {
  const [own] = local;
  if (!own) throw new Error("no connection to the own database");
  for (let i = 0; i < batch.count; i++) {
    const dueUs = schedule.dueUs(firstTuple + i);
    const isLate = nowUs() > dueUs;
    await sleepUntil(dueUs);
    // Late because of what went before it, the timer had no part in it.
    record.pacing.record(isLate ? 0 : nowUs() - dueUs);
    await insertRow(own, batch, i);
    record.lastAcknowledgedUs = nowUs();
    record.local.record(record.lastAcknowledgedUs - dueUs);
    record.tuplesLocal++;
  }
}

async function insertRemotely({ schedule, remote, record }: LoopInput, firstTuple: number, batch: TupleBatch) {
  for (const peer of remote) {
    const isSlowest = peer === remote.at(-1);
    for (let i = 0; i < batch.count; i++) {
      await insertRow(peer, batch, i);
      record.lastAcknowledgedUs = nowUs();
      if (!isSlowest) continue;
      record.remote.record(record.lastAcknowledgedUs - schedule.dueUs(firstTuple + i));
      record.tuplesRemote++;
    }
  }
}

function insertRow(sink: RowSink, { keys, values }: TupleBatch, at: number): Promise<void> {
  const key = keys.subarray(at * KEY_BYTES, (at + 1) * KEY_BYTES);
  return new Promise((resolve, reject) => {
    sink.insertRow(key, values[at] as number, (failure) => (failure ? reject(failure) : resolve()));
  });
}
