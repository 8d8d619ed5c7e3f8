import { expect, test, vi } from "vitest";
import { createHostActivities } from "#activities/host-activities";
import { HostFence } from "#activities/fence/host-fence";
import type { HostActivities } from "#activities/index";
import { failureOf } from "#test/support/failures";
import { DEADLINE_AT, HostHarness } from "#test/support/host-harness";
import { sampleRun } from "#test/support/sample-run";

const run = sampleRun({ point: { nodes: 2 } });
const COMMIT = { sha: "c".repeat(40), archive: "" };

/** A host whose builds end when they are told to. */
function builder(host: HostHarness, buildWaitMs = 5000) {
  const { promise: isPacked, resolve: finish } = Promise.withResolvers<void>();
  const build = vi.fn<() => Promise<{ image: string }>>(async () => {
    await isPacked;
    return { image: "sha256:1" };
  });
  const timing = { ...host.dependencies.timing, buildWaitMs };
  const activities: HostActivities = createHostActivities({ ...host.dependencies, timing, buildImage: build });
  return { activities, build, finish };
}

test("no image is built beside a run; it is once the run gave the machine back", async () => {
  using host = new HostHarness();
  const { activities, build, finish } = builder(host);
  const fenceLooks = vi.spyOn(host.dependencies.machineFence, "list");
  await host.provision(run);
  fenceLooks.mockClear();
  const building = activities.buildImage(COMMIT);
  await vi.waitFor(() => expect(fenceLooks.mock.calls.length).toBeGreaterThan(2));
  expect(build).not.toHaveBeenCalled();
  await host.activities.destroyNodes({ runId: run.runId });
  finish();
  expect(await building).toEqual({ image: "sha256:1" });
});

test("nor beside another installation's, and whoever waits for too long is told for whom", async () => {
  using host = new HostHarness();
  const { activities, build } = builder(host, 10);
  const theirs = new HostFence({ ...host.dependencies, host: "theirs", domain: "theirs" });
  await theirs.take(run, DEADLINE_AT, host.dependencies.timing, host.cancellation.signal);
  const failure = await failureOf(activities.buildImage(COMMIT));
  expect(failure).toMatchObject({ kind: "busy host", message: expect.stringContaining(run.runId) });
  expect(build).not.toHaveBeenCalled();
});

test("a run makes no nodes before a build that began earlier has ended, and says what it waits for", async () => {
  using host = new HostHarness();
  const { activities, build, finish } = builder(host);
  const building = activities.buildImage(COMMIT);
  await vi.waitFor(() => expect(build).toHaveBeenCalled());
  const looks = vi.spyOn(host.dependencies.imageBuilds, "awaitNone");
  const provisioned = host.provision(run);
  await vi.waitFor(() => expect(looks).toHaveBeenCalled());
  const waitingFor: string[] = [];
  const stop = new AbortController();
  const waiting = host.dependencies.imageBuilds.awaitNone(1, stop.signal, (what) => {
    waitingFor.push(what);
    stop.abort();
  });
  await expect(waiting).rejects.toThrow("aborted");
  expect(waitingFor).toEqual(["a node image that is being built here"]);
  expect(host.provider.host.nodesMade).toBe(0);
  finish();
  await building;
  expect((await provisioned).nodes).toHaveLength(2);
});
