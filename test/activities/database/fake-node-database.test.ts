import { describe, expect, test } from "vitest";
import type { Assignment } from "#model/node-protocol";
import type { NodeHandle } from "#model/run";
import { expectedDigests } from "#model/tuples";
import { FakeNodeDatabases } from "#test/support/fake-node-database";
import { NODE_HANDLES, sampleAssignments, sampleSeedParts } from "#test/support/sample-assignments";

const RUN_ID = "sample-p1-r1-a1";

async function assignedDatabase(databases: FakeNodeDatabases, assignments: readonly Assignment[]) {
  const database = databases.open(RUN_ID);
  for (const [position, node] of NODE_HANDLES.entries()) {
    await database.prepareTables(node, assignments[position]!);
  }
  for (const [position, node] of NODE_HANDLES.entries()) await database.assign(node, assignments[position]!);
  return database;
}

const [first] = NODE_HANDLES as [NodeHandle, NodeHandle];

describe("fake node databases", () => {
  test.for(["replicated", "baseline"] as const)("hold what the seed says in %s", async (mode) => {
    const database = await assignedDatabase(new FakeNodeDatabases(), sampleAssignments({ mode }));
    const proofs = await Promise.all(NODE_HANDLES.map((node) => database.prove(node)));
    expect(proofs.map(({ digest }) => digest)).toEqual(await expectedDigests(sampleSeedParts({ mode })));
    expect(proofs.map(({ rows }) => rows)).toEqual([40, 40]);
  });

  test("go through the phases when told to, or with each look", async () => {
    const databases = new FakeNodeDatabases();
    const database = await assignedDatabase(databases, sampleAssignments());
    databases.step(RUN_ID);
    expect((await database.readProgress(first)).phase).toBe("connecting");
    databases.stepTo(RUN_ID, "done");
    expect(await database.readProgress(first)).toEqual({ phase: "done", tuplesLocal: 20, tuplesRemote: 20 });
    expect(await database.readResult(first)).toMatchObject({ nodeIndex: 1, tupleCount: 20 });

    const looking = await assignedDatabase(new FakeNodeDatabases({ stepOnRead: true }), sampleAssignments());
    await looking.readProgress(first);
    expect((await looking.readProgress(first)).phase).toBe("warmup");
  });

  test("fail, fall silent and lie as a test wants them to", async () => {
    const databases = new FakeNodeDatabases();
    const database = await assignedDatabase(databases, sampleAssignments());
    databases.failProgram(RUN_ID, 1, { kind: "barrier", message: "1/2" });
    expect(await database.readProgress(first)).toMatchObject({ phase: "failed", error: { kind: "barrier" } });
    databases.patchProof(RUN_ID, 1, { rows: 39 });
    expect((await database.prove(first)).rows).toBe(39);
    databases.setAnswering(RUN_ID, 1, false);
    expect(await database.answers(first)).toBe(false);
    await expect(database.readProgress(first)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("refuse work before every node has its tables", async () => {
    const database = new FakeNodeDatabases().open(RUN_ID);
    const [assignment] = sampleAssignments();
    await database.prepareTables(first, assignment!);
    await expect(database.assign(first, assignment!)).rejects.toThrow("before the tables of node 2");
  });
});
