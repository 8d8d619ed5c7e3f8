/** What the two nodes of `sampleRun` would be told to do. */

import { DATABASE_PORT, PROTOCOL_VERSION } from "#model/node-protocol";
import type { Assignment } from "#model/node-protocol";
import type { NodeHandle } from "#model/run";
import { tupleSeed } from "#model/tuples";
import type { TupleSeedParts } from "#model/tuples";

export const NODE_HANDLES: readonly NodeHandle[] = [1, 2].map((index) => ({
  index,
  id: `id-${index}`,
  name: `sample-p1-r1-a1-n${index}`,
  address: `198.18.0.${index + 1}`,
  port: DATABASE_PORT,
}));

type SeedParts = Omit<TupleSeedParts, "nodeIndex">;

export function sampleSeedParts(overrides: Partial<SeedParts> = {}): SeedParts {
  return {
    sweepSeed: 2018,
    mode: "replicated",
    nodes: 2,
    ratePerMin: 600,
    aggregation: 10,
    tupleCount: 20,
    repetition: 1,
    ...overrides,
  };
}

/** One for each of `NODE_HANDLES`. */
export function sampleAssignments(overrides: Partial<Assignment> = {}): Assignment[] {
  const peers = NODE_HANDLES.map(({ index, address }) => ({ index, address, hostname: `node-${index}` }));
  const parts = sampleSeedParts({ mode: overrides.mode ?? "replicated" });
  const shared: Omit<Assignment, "nodeIndex" | "tupleSeed"> = {
    protocol: PROTOCOL_VERSION,
    runId: "sample-p1-r1-a1",
    peers,
    masterIndex: 1,
    peerPassword: "canary-peer-password",
    mode: "replicated",
    tupleCount: 20,
    ratePerMin: 600,
    aggregation: 10,
    engine: "innodb",
    client: "batched",
    release: "agreed",
    resolve: "addresses",
    phase: "aligned",
    phaseOffsetMs: 0,
    warmupSec: 0,
    observe: "on",
    barrierTimeoutSec: 30,
    ...overrides,
  };
  return NODE_HANDLES.map(({ index: nodeIndex }) =>
    Object.assign({ nodeIndex, tupleSeed: tupleSeed({ ...parts, nodeIndex }) }, shared),
  );
}
