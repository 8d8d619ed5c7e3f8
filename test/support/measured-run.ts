/** A run that went without a fault, as its judge sees it; tests then change one thing. */

import { seedPartsOf, tasksOf } from "#activities/assignment";
import type { RunMeasurements } from "#model/judgement";
import { masterIndexOf } from "#model/master";
import type { NodeHandle, RunSpec } from "#model/run";
import { expectedDigests, runDigest } from "#model/tuples";
import { FakeNodeDatabases } from "#test/support/fake-node-database";
import { STARTED_AT } from "#test/support/host-harness";

export const sampleNodes = ({ point }: RunSpec): NodeHandle[] =>
  Array.from({ length: point.nodes }, (_, position) => ({
    index: position + 1,
    id: `id-${position + 1}`,
    name: `node-${position + 1}`,
    address: `198.18.0.${position + 2}`,
    port: 3306,
  }));

export async function measuredRun(run: RunSpec): Promise<RunMeasurements> {
  const nodes = sampleNodes(run);
  const databases = new FakeNodeDatabases();
  const database = databases.open(run.runId);
  for (const { node, assignment } of tasksOf(run, nodes, "secret")) {
    databases.program(run.runId, node.index).assignment = assignment;
  }
  databases.stepTo(run.runId, "done");
  const results = await Promise.all(nodes.map((node) => database.readResult(node)));
  const proofs = await Promise.all(nodes.map((node) => database.prove(node)));
  await database.close();
  return {
    run,
    masterIndex: masterIndexOf(nodes),
    startedAt: STARTED_AT,
    results,
    proofs,
    expectedDigests: await expectedDigests(seedPartsOf(run)),
    digest: runDigest(proofs),
    fingerprint: "0123456789ab",
    collectSec: 0.2,
  };
}
