/** The statements of the main loop, into a scratch table: caches, page allocation and compiled code are warm after it. */

import { createHash } from "node:crypto";
import type { Assignment } from "#model/node-protocol";
import { TupleStream } from "#model/tuples";
import { nowUs } from "#node/clock";
import { LoopRecord } from "#node/loop";
import { runMainLoop } from "#node/main-loop";
import { prepareInserts } from "#node/mesh";
import type { Mesh } from "#node/mesh";
import { Schedule, tickUsFor } from "#node/schedule";

/** A slice is one batch, or this long where rates are high: overload prolongs the warm-up by a slice at most. */
const SLICE_SEC = 0.5;

/** At the run's rate, for as long as the assignment says. */
export async function warmUp(assignment: Assignment, mesh: Mesh): Promise<void> {
  const { client, warmupSec, ratePerMin, aggregation, peers, tupleSeed } = assignment;
  await prepareInserts("warmup", client, mesh);
  const endUs = nowUs() + 1_000_000 * warmupSec;
  const tuples = new TupleStream(createHash("sha256").update(`warm-up/${tupleSeed}`).digest("hex").slice(0, 32));
  const tuplesFor = (sec: number) => Math.round((ratePerMin * sec) / 60);
  const sliceTuples = Math.max(aggregation, tuplesFor(SLICE_SEC));
  for (let left = tuplesFor(warmupSec); left > 0 && nowUs() < endUs; left -= sliceTuples) {
    await runMainLoop(client, {
      schedule: new Schedule({ startUs: nowUs(), ratePerMin, tupleCount: Math.min(left, sliceTuples) }),
      tuples,
      table: "warmup",
      aggregation,
      local: mesh.local,
      remote: mesh.remote,
      tickUs: tickUsFor(peers.length),
      record: new LoopRecord(),
    });
  }
}
