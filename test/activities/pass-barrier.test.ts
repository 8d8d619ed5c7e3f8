import { expect, test } from "vitest";
import { createHostActivities } from "#activities/host-activities";
import { failureOf } from "#test/support/failures";
import { HostHarness } from "#test/support/host-harness";
import { sampleRun } from "#test/support/sample-run";

const run = sampleRun({ point: { nodes: 3 } });

test("every node gets its own work, and one master", async () => {
  using host = new HostHarness();
  const { nodes } = await host.provision(run);
  await host.activities.passBarrier({ run, nodes });
  const assignments = host.databases.programs(run.runId).map(({ assignment }) => assignment!);
  expect(assignments.map(({ nodeIndex }) => nodeIndex)).toEqual([1, 2, 3]);
  expect(new Set(assignments.map(({ tupleSeed }) => tupleSeed)).size).toBe(3);
  expect(assignments.map(({ masterIndex }) => masterIndex)).toEqual([1, 1, 1]);
  expect(assignments[0]).toMatchObject({ tupleCount: 20, phaseOffsetMs: 0, peerPassword: `peer-of-${run.runId}` });
});

test("a second attempt attaches: nodes keep the work they have", async () => {
  using host = new HostHarness();
  const { nodes } = await host.provision(run);
  await host.activities.passBarrier({ run, nodes });
  const before = host.databases.programs(run.runId).map(({ assignment }) => assignment);
  await host.activities.passBarrier({ run, nodes });
  const after = host.databases.programs(run.runId).map(({ assignment }) => assignment);
  expect(after.every((assignment, i) => assignment === before[i])).toBe(true);
});

test("nodes that pass at once are seen to have passed at once, though they are looked at seldom", async () => {
  using host = new HostHarness({ stepOnRead: false });
  const { nodes } = await host.provision(run);
  const timing = { ...host.dependencies.timing, pollMs: 60_000 };
  const passed = createHostActivities({ ...host.dependencies, timing }).passBarrier({ run, nodes });
  await expect.poll(() => host.databases.program(run.runId, 3).assignment, { interval: 1 }).toBeDefined();
  host.databases.stepTo(run.runId, "main");
  await passed;
});

test("staggered nodes begin at different instants, within the time of one batch", async () => {
  using host = new HostHarness();
  const staggered = sampleRun({ point: { nodes: 3, phase: "staggered" } });
  const { nodes } = await host.provision(staggered);
  await host.activities.passBarrier({ run: staggered, nodes });
  const offsets = host.databases.programs(run.runId).map(({ assignment }) => assignment!.phaseOffsetMs);
  expect(new Set(offsets).size).toBe(3);
  const batchMs = (staggered.point.aggregation * 60_000) / staggered.point.ratePerMin;
  for (const offset of offsets) expect(offset).toBeLessThan(batchMs);
});

test("who is missing at the barrier is named, not who waited", async () => {
  using host = new HostHarness({ stepOnRead: false });
  const { nodes } = await host.provision(run);
  const passed = host.activities.passBarrier({ run, nodes });
  await expect.poll(() => host.databases.program(run.runId, 3).assignment, { interval: 1 }).toBeDefined();
  for (const waiting of [1, 3]) {
    host.databases.failProgram(run.runId, waiting, { kind: "barrier", message: "2 of 3 after 60 s" });
  }
  expect(await failureOf(passed)).toMatchObject({
    kind: "barrier",
    message: "2/3, missing node 2",
    node: 2,
    step: "sync",
  });
});

test("a node program's own failure keeps its kind; one of no known kind is a failed node", async () => {
  for (const [kind, expected] of [
    ["sync", "sync"],
    ["gremlins", "node failed"],
  ] as const) {
    using host = new HostHarness();
    const { nodes } = await host.provision(run);
    host.databases.failProgram(run.runId, 2, { kind, message: "too many connections" });
    const failure = await failureOf(host.activities.passBarrier({ run, nodes }));
    expect(failure).toMatchObject({ kind: expected, node: 2 });
    expect(failure.message).toContain("too many connections");
  }
});

test("a lost node outweighs what the others say because of it", async () => {
  using host = new HostHarness();
  const { nodes } = await host.provision(run);
  host.databases.failProgram(run.runId, 1, { kind: "sync", message: "cannot connect to node 3" });
  const passed = host.activities.passBarrier({ run, nodes });
  host.provider.setState(nodes[2]!, { state: "missing" });
  expect(await failureOf(passed)).toMatchObject({ kind: "node lost", node: 3 });
});

test("a database that does not take its work in time is who is missing", async () => {
  using host = new HostHarness();
  const { nodes } = await host.provision(run);
  const open = host.dependencies.openDatabase;
  Object.assign(host.dependencies, {
    openDatabase: (runId: string) =>
      Object.assign(open(runId), {
        prepareTables: (node: { index: number }) =>
          node.index === 2 ? new Promise(() => undefined) : Promise.resolve(),
      }),
  });
  expect(await failureOf(host.activities.passBarrier({ run, nodes }))).toMatchObject({
    kind: "barrier",
    message: "2/3, missing node 2",
  });
});
