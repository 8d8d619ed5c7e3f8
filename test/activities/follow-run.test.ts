import { expect, onTestFinished, test, vi } from "vitest";
import type { NodeState } from "#activities/providers/provider";
import { BenchError } from "#model/errors";
import type { NodeHandle } from "#model/run";
import { failureOf } from "#test/support/failures";
import { HostHarness } from "#test/support/host-harness";
import { sampleRun } from "#test/support/sample-run";

const run = sampleRun({ point: { nodes: 3 } });

/** All nodes are in their main loop and stay there until told otherwise. */
async function inMainLoop(host: HostHarness): Promise<NodeHandle[]> {
  const { nodes } = await host.provision(run);
  const passed = host.activities.passBarrier({ run, nodes });
  await expect.poll(() => host.databases.program(run.runId, 3).assignment, { interval: 1 }).toBeDefined();
  host.databases.stepTo(run.runId, "main");
  await passed;
  return nodes;
}

test("follows until every node has its last acknowledgement, then until all are done", async () => {
  using host = new HostHarness({ stepOnRead: false });
  const nodes = await inMainLoop(host);
  const followed = host.activities.followMainLoop({ run, nodes });
  host.databases.stepTo(run.runId, "finalise");
  await followed;
  const finalised = host.activities.finaliseRun({ run, nodes });
  host.databases.stepTo(run.runId, "done");
  await finalised;
  expect(host.databases.openConnections).toBe(0);
});

async function untilLookedAt(host: HostHarness): Promise<void> {
  const before = host.provider.calls.length;
  await expect.poll(() => host.provider.calls.slice(before), { interval: 1 }).toContain("inspectNodes");
}

type Ending = [what: string, state: NodeState, kind: string, node: number];
const exited = (exitCode: number | null, outOfMemory = false): NodeState => ({
  state: "exited",
  exitCode,
  outOfMemory,
});
const endings: Ending[] = [
  ["whose database died", exited(70), "db crash", 2],
  ["whose program died", exited(71), "node failed", 2],
  ["at its deadline", exited(124), "deadline", 2],
  ["killed for memory", exited(137, true), "oom", 2],
  ["killed from outside", exited(137), "node lost", 2],
  ["stopped from outside", exited(143), "node lost", 2],
  ["of an unknown exit code", exited(null), "node lost", 2],
  ["that was removed", { state: "missing" }, "node lost", 2],
  ["that was the master", { state: "missing" }, "master lost", 1],
];
test.for(endings)("a node %s ends the main loop at once", async ([, state, kind, node]) => {
  using host = new HostHarness({ stepOnRead: false });
  const nodes = await inMainLoop(host);
  const followed = host.activities.followMainLoop({ run, nodes });
  await untilLookedAt(host);
  host.provider.setState(nodes[node - 1]!, state);
  expect(await failureOf(followed)).toMatchObject({ kind, node, step: "main", host: "here", nonRetryable: true });
});

test("a node whose deadline passed before anybody looked says nothing about its load", async () => {
  using host = new HostHarness({ stepOnRead: false });
  const nodes = await inMainLoop(host);
  host.provider.setState(nodes[1]!, exited(124));
  expect(await failureOf(host.activities.followMainLoop({ run, nodes }))).toMatchObject({ kind: "no worker", node: 2 });
});

test("a database that refuses connections while its node runs has crashed", async () => {
  using host = new HostHarness({ stepOnRead: false });
  const nodes = await inMainLoop(host);
  host.databases.setAnswering(run.runId, 3, false);
  expect(await failureOf(host.activities.followMainLoop({ run, nodes }))).toMatchObject({ kind: "db crash", node: 3 });
});

test("a short pause is left to the node's own gap; one that lasts makes it unresponsive", async () => {
  using host = new HostHarness({ stepOnRead: false });
  const nodes = await inMainLoop(host);
  hang(host, 2);
  const followed = host.activities.followMainLoop({ run, nodes });
  host.provider.setState(nodes[1]!, { state: "paused" });
  const failure = await failureOf(followed);
  expect(failure).toMatchObject({ kind: "node unresponsive", node: 2 });
  expect(failure.message).toContain("it is paused");
});

test("a node that runs and is too busy to answer is waited for, but not for ever", async () => {
  using host = new HostHarness({ stepOnRead: false });
  const nodes = await inMainLoop(host);
  const busy = hang(host, 2);
  const followed = host.activities.followMainLoop({ run, nodes });
  const { overloadedMs, unresponsiveMs } = host.dependencies.timing;
  await expect.poll(() => busy.silentMs(), { interval: 1 }).toBeGreaterThan(5 * unresponsiveMs);
  host.databases.stepTo(run.runId, "finalise");
  busy.recover();
  await followed;

  host.databases.stepTo(run.runId, "main");
  const stuck = hang(host, 2);
  const failure = await failureOf(host.activities.followMainLoop({ run, nodes }));
  expect(failure).toMatchObject({ kind: "node unresponsive", node: 2 });
  expect(stuck.silentMs()).toBeGreaterThan(overloadedMs);
});

test("a node that no packet reaches is not taken for a busy one", async () => {
  using host = new HostHarness({ stepOnRead: false });
  const nodes = await inMainLoop(host);
  const unreachable = Object.assign(new Error("connect EHOSTUNREACH"), { code: "EHOSTUNREACH" });
  patchReads(host, (node, read) => (node.index === 2 ? Promise.reject(unreachable) : read()));
  const startedMs = performance.now();
  const failure = await failureOf(host.activities.followMainLoop({ run, nodes }));
  expect(failure).toMatchObject({ kind: "node unresponsive", node: 2 });
  expect(performance.now() - startedMs).toBeLessThan(host.dependencies.timing.overloadedMs);
});

test.for([
  ["ahead", 300_000],
  ["behind", -300_000],
] as const)("`observe: off` does not mind that the worker's clock is five minutes %s", async ([, skewMs]) => {
  const trueNow = Date.now.bind(Date);
  const skewed = vi.spyOn(Date, "now").mockImplementation(() => trueNow() + skewMs);
  onTestFinished(() => skewed.mockRestore());
  using host = new HostHarness({ stepOnRead: false });
  const nodes = await inMainLoop(host);
  host.attemptScheduledAtMs = trueNow();
  host.scheduledAtMs = trueNow() - 2950;
  host.databases.stepTo(run.runId, "finalise");
  const connections = countReads(host);
  const followed = host.activities.followMainLoop({ run: { ...run, observe: "off" }, nodes });
  await untilLookedAt(host);
  expect(connections.reads).toBe(0);
  await followed;
  expect(connections.reads).toBe(3);
});

test("with `observe: off` no database is asked before the loop should have ended", async () => {
  using host = new HostHarness({ stepOnRead: false });
  const nodes = await inMainLoop(host);
  const unobserved = { ...run, observe: "off" as const };
  host.scheduledAtMs = Date.now() - 2950; // 2 s and one for what lies between the release and t0
  host.databases.stepTo(run.runId, "finalise");
  const connections = countReads(host);
  const followed = host.activities.followMainLoop({ run: unobserved, nodes });
  await expect
    .poll(() => host.provider.calls.filter((call) => call === "inspectNodes").length, { interval: 1 })
    .toBeGreaterThan(5);
  expect(connections.reads).toBe(0);
  await followed;
  expect(connections.reads).toBe(3);
});

test("with `observe: off` a late loop is looked into seldom, and its step ends with it", async () => {
  using host = new HostHarness({ stepOnRead: false });
  const nodes = await inMainLoop(host);
  host.scheduledAtMs = Date.now() - 60_000;
  const connections = countReads(host);
  const followed = host.activities.followMainLoop({ run: { ...run, observe: "off" }, nodes });
  await expect.poll(() => connections.reads, { interval: 1 }).toBeGreaterThanOrEqual(9);
  const inspections = host.provider.calls.filter((call) => call === "inspectNodes").length;
  expect(inspections).toBeGreaterThan(connections.reads / 3 + 2);
  host.databases.stepTo(run.runId, "finalise");
  await followed;
});

test("an engine that is away does not end a run whose nodes go on", async () => {
  using host = new HostHarness({ stepOnRead: false });
  const nodes = await inMainLoop(host);
  for (let i = 0; i < 3; i++)
    host.provider.failNext("inspectNodes", new BenchError("engine unavailable", "restarting"));
  const followed = host.activities.followMainLoop({ run, nodes });
  host.databases.stepTo(run.runId, "finalise");
  await expect(followed).resolves.toBeUndefined();
});

test("nodes that are gone once the engine is back were lost to its restart", async () => {
  using host = new HostHarness({ stepOnRead: false });
  const nodes = await inMainLoop(host);
  host.provider.failNext("inspectNodes", new BenchError("engine unavailable", "restarting"));
  const followed = host.activities.followMainLoop({ run, nodes });
  for (const node of nodes) host.provider.setState(node, exited(137));
  expect(await failureOf(followed)).toMatchObject({ kind: "engine restart", node: 1 });
});

test("a failed step keeps its nodes' logs past their removal", async () => {
  using host = new HostHarness({ stepOnRead: false });
  const nodes = await inMainLoop(host);
  host.provider.appendLog(nodes[0]!, "why I am unhappy\n");
  host.databases.failProgram(run.runId, 2, { kind: "disk full", message: "/ram is full" });
  expect(await failureOf(host.activities.followMainLoop({ run, nodes }))).toMatchObject({ kind: "disk full", node: 2 });
  await host.activities.destroyNodes({ runId: run.runId });
  expect(await host.activities.readNodeLogs({ runId: run.runId, nodeIndex: 1 })).toEqual({
    text: "why I am unhappy\n",
  });
  expect(await failureOf(host.activities.readNodeLogs({ runId: run.runId, nodeIndex: 9 }))).toMatchObject({
    kind: "node lost",
  });
});

/** The node's database takes questions and does not answer until it recovers. */
function hang(host: HostHarness, nodeIndex: number): { recover(): void; silentMs(): number } {
  let isHanging = true;
  let askedMs: number | undefined;
  patchReads(host, (node, read) => {
    if (!isHanging || node.index !== nodeIndex) return read();
    askedMs ??= performance.now();
    return new Promise(() => undefined);
  });
  return {
    recover: () => (isHanging = false),
    silentMs: () => (askedMs === undefined ? 0 : performance.now() - askedMs),
  };
}

function countReads(host: HostHarness): { reads: number } {
  const count = { reads: 0 };
  patchReads(host, (_, read) => {
    count.reads++;
    return read();
  });
  return count;
}

type Progress = ReturnType<ReturnType<HostHarness["dependencies"]["openDatabase"]>["readProgress"]>;

function patchReads(host: HostHarness, patch: (node: NodeHandle, read: () => Progress) => Progress): void {
  const open = host.dependencies.openDatabase;
  const openDatabase = (runId: string) => {
    const database = open(runId);
    const read = database.readProgress.bind(database);
    database.readProgress = (node) => patch(node, () => read(node));
    return database;
  };
  Object.assign(host.dependencies, { openDatabase });
}
