/** From a run and its nodes to what each node is told to do. */

import { createHash } from "node:crypto";
import { nodeHostname } from "#model/ids";
import { masterIndexOf } from "#model/master";
import { PROTOCOL_VERSION } from "#model/node-protocol";
import type { Assignment } from "#model/node-protocol";
import { tupleCountOf } from "#model/plan";
import type { NodeHandle, Point, RunSpec } from "#model/run";
import { tupleSeed } from "#model/tuples";
import type { TupleSeedParts } from "#model/tuples";

/** What the tuples of a run's nodes depend on. */
export function seedPartsOf({ seed, repetition, point }: RunSpec): Omit<TupleSeedParts, "nodeIndex"> {
  const { mode, nodes, ratePerMin, aggregation } = point;
  return { sweepSeed: seed, mode, nodes, ratePerMin, aggregation, tupleCount: tupleCountOf(point), repetition };
}

/** A node and what it is told to do. */
export interface NodeTask {
  readonly node: NodeHandle;
  readonly assignment: Assignment;
}

/** One task a node, in the nodes' order; the same for every caller. */
export function tasksOf(run: RunSpec, nodes: readonly NodeHandle[], peerPassword: string): NodeTask[] {
  const { point } = run;
  const parts = seedPartsOf(run);
  const peers = nodes.map(({ index, address, hostname = nodeHostname(index) }) => ({ index, address, hostname }));
  const masterIndex = masterIndexOf(nodes);
  return nodes.map((node) => {
    const seed = tupleSeed({ ...parts, nodeIndex: node.index });
    const assignment: Assignment = {
      protocol: PROTOCOL_VERSION,
      runId: run.runId,
      nodeIndex: node.index,
      peers,
      masterIndex,
      peerPassword,
      tupleSeed: seed,
      mode: point.mode,
      tupleCount: parts.tupleCount,
      ratePerMin: point.ratePerMin,
      aggregation: point.aggregation,
      engine: point.engine,
      client: point.client,
      release: point.release,
      resolve: point.resolve,
      phase: point.phase,
      phaseOffsetMs: phaseOffsetMs(point, seed),
      warmupSec: run.warmupSec,
      observe: run.observe,
      barrierTimeoutSec: barrierTimeoutSec(run),
    };
    return { node, assignment };
  });
}

/** Below the time that one batch takes to come together, AG·60/D, so that nodes flush at different instants. */
function phaseOffsetMs({ phase, aggregation, ratePerMin }: Point, seed: string): number {
  if (phase === "aligned") return 0;
  const share = createHash("sha256").update(`phase/${seed}`).digest().readUInt32BE(0) / 2 ** 32;
  return (share * aggregation * 60_000) / ratePerMin;
}

/** Time for the mesh to connect; a dead resolver costs each connection up to 12 s, which is what such a run is after. */
export function barrierTimeoutSec({ point, warmupSec, deadlineSec }: RunSpec): number {
  const connectSec = point.resolve === "addresses" ? 2 * point.nodes : 12 * point.nodes;
  return Math.min(60 + warmupSec + connectSec, deadlineSec);
}
