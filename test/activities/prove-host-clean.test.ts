import { expect, test } from "vitest";
import { DEADLINE_AT, HostHarness } from "#test/support/host-harness";
import { sampleRun } from "#test/support/sample-run";

const run = sampleRun();
const prove = (host: HostHarness, keptRunIds: string[] = []) =>
  host.activities.proveHostClean({ host: "here", keptRunIds });

test("an empty host is clean", async () => {
  using host = new HostHarness();
  expect(await prove(host)).toEqual({ removed: 0, left: [] });
});

test("what an ended run left is removed, its mark on the machine as well", async () => {
  using host = new HostHarness();
  await host.provision(run);
  host.outcomes.set(run.runId, "ended");
  expect(await prove(host)).toEqual({ removed: 4, left: [] });
  expect(await host.dependencies.machineFence.list()).toEqual([]);
});

test.for(["open", "unknown"] as const)(
  "what belongs to a run that is %s to Temporal stays, and is told",
  async (outcome) => {
    using host = new HostHarness();
    await host.provision(run);
    host.outcomes.set(run.runId, outcome);
    const { removed, left } = await prove(host);
    expect(removed).toBe(0);
    expect(left).toContain(`container ${run.runId}-n1 of run ${run.runId}, deadline ${DEADLINE_AT}`);
  },
);

test("a kept run stays until its deadline, although it has ended", async () => {
  using host = new HostHarness();
  await host.intrude(run);
  host.outcomes.set(run.runId, "ended");
  expect((await prove(host, [run.runId])).left).toHaveLength(3);
});

test("past its deadline a run is removed, whatever Temporal says", async () => {
  using host = new HostHarness();
  await host.intrude(run, "2020-01-01T00:00:00.000Z");
  expect(await prove(host, [run.runId])).toEqual({ removed: 3, left: [] });
});

test("nodes of a run that waits for the host are no leftovers, those of a second one are", async () => {
  using host = new HostHarness();
  const other = sampleRun({ runId: "other-p1-r1-a1" });
  await host.intrude(run);
  host.outcomes.set(run.runId, "open").set(other.runId, "open");
  const waitingRunIds = [other.runId, run.runId];
  const proof = () => host.activities.proveHostClean({ host: "here", keptRunIds: [], waitingRunIds });
  expect(await proof()).toEqual({ removed: 0, left: [], occupant: run.runId });
  await host.intrude(other);
  const { left, occupant } = await proof();
  expect(occupant).toBe(other.runId);
  expect(left).toHaveLength(3);
});

test.for(["", "soon"])("labels that cannot be read (deadline %j) hold up no host for ever", async (deadlineAt) => {
  using host = new HostHarness();
  await host.intrude(run, deadlineAt);
  expect(await prove(host)).toEqual({ removed: 0, left: [] });
  expect(await host.provider.listLabelled()).toHaveLength(3);
});
