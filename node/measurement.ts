/** The main loop with everything that is measured around it. */

import type { Assignment } from "#model/node-protocol";
import { TupleStream } from "#model/tuples";
import { readNodeCpuSec } from "#node/cgroup-cpu";
import { secondsBetween } from "#node/clock";
import type { LoopRecord } from "#node/loop";
import { runMainLoop } from "#node/main-loop";
import type { Mesh } from "#node/mesh";
import { Schedule, tickUsFor } from "#node/schedule";

export interface Measurement {
  readonly record: LoopRecord;
  readonly elapsedSec: number;
  readonly cpuUserSec: number;
  readonly cpuSystemSec: number;
  readonly nodeCpuSec: number | null;
}

export interface MeasurementInput {
  readonly assignment: Assignment;
  readonly mesh: Pick<Mesh, "local" | "remote">;
  /** t0 on the node's clock. */
  readonly startUs: number;
  /** Filled in meanwhile. */
  readonly record: LoopRecord;
  readonly stretch: number;
}

/** Elapsed time counts from the start of the node's own schedule: with `staggered` it begins that much after t0. */
export async function measureMainLoop(input: MeasurementInput): Promise<Measurement> {
  const { assignment, mesh, startUs, record, stretch } = input;
  const { ratePerMin, tupleCount, aggregation } = assignment;
  const scheduleUs = startUs + 1000 * assignment.phaseOffsetMs;
  const cpuBefore = process.cpuUsage();
  const nodeCpuBefore = readNodeCpuSec();
  await runMainLoop(assignment.client, {
    schedule: new Schedule({ startUs: scheduleUs, ratePerMin, tupleCount, stretch }),
    tuples: new TupleStream(assignment.tupleSeed),
    table: "tuple",
    aggregation,
    local: mesh.local,
    remote: mesh.remote,
    tickUs: tickUsFor(assignment.peers.length),
    record,
  });
  const cpu = process.cpuUsage(cpuBefore);
  const nodeCpu = readNodeCpuSec();
  return {
    record,
    elapsedSec: secondsBetween(scheduleUs, record.lastAcknowledgedUs),
    cpuUserSec: cpu.user / 1_000_000,
    cpuSystemSec: cpu.system / 1_000_000,
    nodeCpuSec: nodeCpuBefore === null || nodeCpu === null ? null : nodeCpu - nodeCpuBefore,
  };
}
