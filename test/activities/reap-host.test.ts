import { expect, test } from "vitest";
import { reapHost } from "#activities/reap-host";
import { HostHarness } from "#test/support/host-harness";
import { sampleRun } from "#test/support/sample-run";

const run = sampleRun();
const other = sampleRun({ runId: "sample-p1-r2-a1" });
const names = (found: readonly { name: string }[]) => found.map(({ name }) => name).sort();

test("what an ended run left goes, the mark on the machine last; what is under way stays", async () => {
  using host = new HostHarness();
  await host.provision(run);
  await host.intrude(other);
  host.outcomes.set(run.runId, "ended").set(other.runId, "open");
  const { removed, kept, failures } = await reapHost(host.dependencies);
  expect(removed).toMatchObject([
    { kind: "container", why: "its run has ended" },
    { kind: "container" },
    { kind: "network" },
    { kind: "fence" },
  ]);
  expect(names(kept)).toEqual([`meshbench-${other.runId}`, `${other.runId}-n1`, `${other.runId}-n2`]);
  expect(failures).toEqual([]);
  expect((await host.provider.listLabelled()).every(({ runId }) => runId === other.runId)).toBe(true);
  expect(await host.dependencies.machineFence.list()).toEqual([]);
});

test("what two providers of a host list is one leftover", async () => {
  using host = new HostHarness();
  await host.provision(run);
  host.outcomes.set(run.runId, "ended");
  const providers = new Map(host.dependencies.providers).set("qemu", host.provider);
  const { removed } = await reapHost({ ...host.dependencies, providers });
  expect(new Set(names(removed)).size).toBe(removed.length);
});

test("a dry run says the same and does nothing", async () => {
  using host = new HostHarness();
  await host.provision(run);
  host.outcomes.set(run.runId, "ended");
  const dry = await reapHost(host.dependencies, { isDryRun: true });
  expect(host.provider.host.nodes.size).toBe(2);
  expect(await reapHost(host.dependencies)).toEqual(dry);
  expect(host.provider.host.nodes.size).toBe(0);
});

test("kept nodes stay until their deadline, with Temporal's word", async () => {
  using host = new HostHarness();
  await host.provision(run);
  host.outcomes.set(run.runId, "kept");
  expect(await reapHost(host.dependencies)).toMatchObject({ removed: [], kept: { length: 4 } });
  const now = new Date("2127-01-01T00:00:00.000Z");
  expect(await reapHost(host.dependencies, { now })).toMatchObject({ removed: { length: 4 }, kept: [] });
});

test("two at once are harmless", async () => {
  using host = new HostHarness();
  await host.provision(run);
  host.outcomes.set(run.runId, "ended");
  const reports = await Promise.all([reapHost(host.dependencies), reapHost(host.dependencies)]);
  expect(reports.map(({ failures }) => failures)).toEqual([[], []]);
  expect(await host.provider.listLabelled()).toEqual([]);
});

test.for(["before", "after"] as const)(
  "a pass that dies %s its removals is finished by the next one",
  async (moment) => {
    using host = new HostHarness();
    await host.provision(run);
    host.outcomes.set(run.runId, "ended");
    host.provider.failNext("destroyRun", new Error("killed"), { moment });
    expect(await reapHost(host.dependencies)).toMatchObject({ failures: [`run ${run.runId}: killed`] });
    expect(await host.dependencies.machineFence.list()).toHaveLength(1);
    await reapHost(host.dependencies);
    expect(await host.provider.listLabelled()).toEqual([]);
    expect(await host.dependencies.machineFence.list()).toEqual([]);
  },
);

test("one run that resists does not keep the others", async () => {
  using host = new HostHarness();
  await host.intrude(run);
  await host.intrude(other);
  host.outcomes.set(run.runId, "ended").set(other.runId, "ended");
  host.provider.failNext("destroyRun", new Error("busy"));
  const { failures } = await reapHost(host.dependencies);
  expect(failures).toEqual([`run ${run.runId}: busy`]);
  expect((await host.provider.listLabelled()).every(({ runId }) => runId === run.runId)).toBe(true);
});

test("evidence that waits to be fetched stays while the run may still come for it", async () => {
  using host = new HostHarness();
  const nodes = await host.measure(run);
  await host.activities.collectRun({ run, nodes, startedAt: "2026-01-01T00:00:00.000Z" });
  const fetch = () => host.activities.fetchEvidence({ runId: run.runId, part: 0 });
  const long = new Date("2127-01-01T00:00:00.000Z");
  host.outcomes.set(run.runId, "open");
  await reapHost(host.dependencies, { now: long });
  await expect(fetch()).resolves.toHaveProperty("data");
  host.outcomes.set(run.runId, "ended");
  await reapHost(host.dependencies, { now: long });
  expect(await reapHost(host.dependencies)).toMatchObject({ removed: [], kept: [] });
  await expect(fetch()).rejects.toThrow("with another worker");
});

test.for(["kept", "unknown"] as const)(
  "evidence of a run that is %s goes with its nodes, or after them",
  async (outcome) => {
    using host = new HostHarness();
    const nodes = await host.measure(run);
    await host.activities.collectRun({ run, nodes, startedAt: "2026-01-01T00:00:00.000Z" });
    host.outcomes.set(run.runId, outcome);
    expect(await reapHost(host.dependencies)).toMatchObject({ removed: [] });
    await host.provider.destroyRun(run.runId);
    await host.dependencies.machineFence.release(run.runId);
    expect(await reapHost(host.dependencies)).toMatchObject({ removed: [{ kind: "evidence" }] });
    expect(await reapHost(host.dependencies)).toMatchObject({ removed: [], kept: [] });
  },
);

test("an odd one that somebody labelled with a run keeps the run's own no longer than their deadline", async () => {
  using host = new HostHarness();
  await host.intrude(run, "2020-01-01T00:00:00.000Z");
  const { nodes } = host.provider.host;
  const own = nodes.get(`${run.runId}-n1`)!;
  nodes.set("odd", { ...own, spec: { ...own.spec, deadlineAt: "soon" } });
  await reapHost(host.dependencies);
  expect([...nodes.keys()]).toEqual([]);
});
