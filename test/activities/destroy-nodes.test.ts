import { expect, test } from "vitest";
import { failureOf } from "#test/support/failures";
import { HostHarness, STARTED_AT } from "#test/support/host-harness";
import { sampleRun } from "#test/support/sample-run";

const run = sampleRun();

test("what is still there after removal fails the step, which is tried again", async () => {
  using host = new HostHarness();
  await host.provision(run);
  host.provider.destroyRun = () => Promise.resolve(0);
  const failure = await failureOf(host.activities.destroyNodes({ runId: run.runId }));
  expect(failure).toMatchObject({ kind: "engine unavailable", step: "teardown", nonRetryable: false });
  expect(failure.message).toContain(`container ${run.runId}-n1`);
});

test("what another host has under the run's name holds nothing up", async () => {
  using host = new HostHarness();
  await host.provision(run);
  const { provider } = host;
  const listLabelled = provider.listLabelled.bind(provider);
  const decoy = { kind: "container", id: "decoy", name: "decoy", host: "elsewhere", runId: run.runId } as const;
  provider.listLabelled = async () => [...(await listLabelled()), { ...decoy, deadlineAt: STARTED_AT, node: 99 }];
  expect(await host.activities.findNodes({ run })).toEqual({ found: run.point.nodes });
  await host.activities.destroyNodes({ runId: run.runId });
  expect(await host.activities.reapHost({ host: "here" })).toEqual({ removed: 0, remainingRunIds: [] });
});

test("another run's nodes stay", async () => {
  using host = new HostHarness();
  const other = sampleRun({ runId: "sample-p1-r2-a1" });
  await host.provision(run);
  await host.intrude(other);
  await host.activities.destroyNodes({ runId: run.runId });
  expect((await host.provider.listLabelled()).every(({ runId }) => runId === other.runId)).toBe(true);
  expect(host.provider.host.nodes.size).toBe(2);
});

test("another installation's run of the same id keeps its nodes and the host, from teardown and reaper alike", async () => {
  using host = new HostHarness();
  await host.provision(run);
  host.fenceToken = (runId) => `another-${runId}`;
  expect(await host.activities.destroyNodes({ runId: run.runId })).toMatchObject({ removed: 0 });
  host.outcomes.set(run.runId, "ended");
  const failure = await failureOf(host.activities.reapHost({ host: "here" }));
  expect(failure.message).toContain("another installation's run has the same id");
  expect(host.provider.host.nodes.size).toBe(run.point.nodes);
  host.fenceToken = (runId) => `token-of-${runId}`;
  expect(await host.activities.destroyNodes({ runId: run.runId })).toMatchObject({
    removed: expect.any(Number) as number,
  });
  expect(host.provider.host.nodes.size).toBe(0);
});
