import { expect, test, vi } from "vitest";
import { BenchError } from "#model/errors";
import { failureOf } from "#test/support/failures";
import { HostHarness } from "#test/support/host-harness";
import { sampleRun } from "#test/support/sample-run";

const run = sampleRun({ point: { nodes: 3 } });

test("all nodes are created, and their databases answer", async () => {
  using host = new HostHarness();
  const { nodes, provisionSec } = await host.provision(run);
  expect(nodes.map(({ index }) => index)).toEqual([1, 2, 3]);
  expect(provisionSec).toBeGreaterThan(0);
  expect(host.databases.openConnections).toBe(0);
});

test("doing it twice adopts what is there", async () => {
  using host = new HostHarness();
  const first = await host.provision(run);
  expect((await host.provision(run)).nodes).toEqual(first.nodes);
  expect(host.provider.host.nodesMade).toBe(3);
});

test("a failed node fails the step only after its siblings have settled, so that none appears after teardown", async () => {
  using host = new HostHarness();
  host.provider.failNext("ensureNode", new BenchError("capacity", "no more memory"), { nodeIndex: 1 });
  const failure = await failureOf(host.provision(run));
  expect(failure).toMatchObject({ kind: "capacity", step: "provision", host: "here", nonRetryable: true });
  const made = host.provider.host.nodesMade;
  await host.activities.destroyNodes({ runId: run.runId });
  expect(host.provider.host.nodes.size).toBe(0);
  expect(host.provider.host.nodesMade).toBe(made);
});

test("a worker that stood still makes nothing for a run that has ended meanwhile", async () => {
  using host = new HostHarness();
  host.outcomes.set(run.runId, "ended");
  expect(await failureOf(host.provision(run))).toMatchObject({
    kind: "fenced",
    message: "the run has ended meanwhile",
  });
  expect(host.provider.host.networksMade).toBe(0);
  expect(await host.dependencies.machineFence.list()).toEqual([]);
});

test("nor does it give away the host that nodes were kept on", async () => {
  using host = new HostHarness();
  await host.provision(run);
  host.outcomes.set(run.runId, "kept");
  expect(await failureOf(host.provision(run))).toMatchObject({ kind: "fenced" });
  expect(await host.dependencies.machineFence.list()).toMatchObject([{ runId: run.runId }]);
});

test("a creation that is under way when another fails is waited for", async () => {
  using host = new HostHarness();
  const { promise: isReleased, resolve: release } = Promise.withResolvers<void>();
  const ensureNode = host.provider.ensureNode.bind(host.provider);
  const creations = vi.spyOn(host.provider, "ensureNode").mockImplementation(async (ofRun, node, signal) => {
    if (node.index === 1) throw new BenchError("capacity", "no more memory");
    await isReleased;
    return ensureNode(ofRun, node, signal);
  });
  let isOver = false;
  const step = failureOf(host.provision(run)).finally(() => {
    isOver = true;
  });
  await vi.waitFor(() => expect(creations).toHaveBeenCalledTimes(3));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  release();
  expect(await step).toMatchObject({ kind: "capacity" });
});

test.for([
  [undefined, 15],
  [8, 8],
] as const)(
  "of 15 nodes, a provider that takes %j at once is asked for %i before any is there",
  async ([most, asked]) => {
    using host = new HostHarness();
    if (most !== undefined) Object.assign(host.provider, { nodesAtOnce: most });
    const { promise: isReleased, resolve: release } = Promise.withResolvers<void>();
    const ensureNode = host.provider.ensureNode.bind(host.provider);
    const creations = vi.spyOn(host.provider, "ensureNode").mockImplementation(async (...input) => {
      await isReleased;
      return ensureNode(...input);
    });
    const step = host.provision(sampleRun({ point: { nodes: 15 } }));
    await vi.waitFor(() => expect(creations.mock.calls.length).toBeGreaterThanOrEqual(asked));
    await new Promise((resolve) => setImmediate(resolve));
    expect(creations).toHaveBeenCalledTimes(asked);
    release();
    expect((await step).nodes).toHaveLength(15);
  },
);

test("a node that ends before its database answers is named, with its last words", async () => {
  using host = new HostHarness();
  host.databases.setAnswering(run.runId, 2, false);
  const provisioned = host.provision(run);
  const name = `${run.runId}-n2`;
  await expect.poll(() => host.provider.host.nodes.has(name), { interval: 1 }).toBe(true);
  host.provider.appendLog({ name }, "starting\nmariadbd: cannot allocate memory\n");
  host.provider.setState({ name }, { state: "exited", exitCode: 70, outOfMemory: false });
  const failure = await failureOf(provisioned);
  expect(failure).toMatchObject({ kind: "db crash", node: 2 });
  expect(failure.message).toContain("its last words: mariadbd: cannot allocate memory");
});

test("where nothing comes back from any node, the missing route is named", async () => {
  using host = new HostHarness();
  host.databases.setAnswering(run.runId, 1, false);
  const ensureNode = host.provider.ensureNode.bind(host.provider);
  // TCP has no route to the broadcast address, on any machine.
  host.provider.ensureNode = async (...input) => ({ ...(await ensureNode(...input)), address: "255.255.255.255" });
  const single = sampleRun({ point: { nodes: 1 } });
  expect(await failureOf(host.provision(single))).toMatchObject({ kind: "no route", node: 1 });
});

test("a machine is given the time to boot before its route is doubted", async () => {
  using host = new HostHarness();
  host.databases.setAnswering(run.runId, 1, false);
  const ensureNode = host.provider.ensureNode.bind(host.provider);
  host.provider.ensureNode = async (...input) => ({ ...(await ensureNode(...input)), address: "255.255.255.255" });
  const inspectNodes = host.provider.inspectNodes.bind(host.provider);
  let looks = 0;
  host.provider.inspectNodes = (...input) => {
    looks += 1;
    return inspectNodes(...input);
  };
  const provisioned = host.provision(sampleRun({ point: { nodes: 1 }, environment: { isolation: "tcg" } }));
  // Each look comes two milliseconds after the one before at the earliest; containers are doubted after twenty.
  await expect.poll(() => looks, { interval: 1 }).toBeGreaterThan(20);
  host.databases.setAnswering(run.runId, 1, true);
  expect((await provisioned).nodes).toHaveLength(1);
});

test("cancelling stops the wait", async () => {
  using host = new HostHarness();
  host.databases.setAnswering(run.runId, 3, false);
  const provisioned = host.provision(run);
  host.cancellation.abort();
  await expect(provisioned).rejects.toThrow(/aborted/);
});

test("progress is in the heartbeats from the start", async () => {
  using host = new HostHarness();
  await host.provision(run);
  expect(host.heartbeats[0]).toEqual({ step: "provision", nodesDone: 0, nodes: 3 });
});
