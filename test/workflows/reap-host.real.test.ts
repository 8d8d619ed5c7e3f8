import { afterAll, beforeAll, expect, test } from "vitest";
import { askTemporalForRun } from "#activities/temporal";
import { REAP_HOST_WORKFLOW } from "#model/reaping";
import { keepReapSchedules } from "#worker/reap-schedule";
import { locateInstallation } from "#worker/installation";
import { viewTemporal } from "#worker/temporal-view";
import { recordHistory } from "#test/support/recorded-histories";
import { sampleRun } from "#test/support/sample-run";
import { WorkflowHarness } from "#test/support/workflow-harness";

let harness: WorkflowHarness;
beforeAll(async () => {
  harness = await WorkflowHarness.start();
});
afterAll(() => harness.close());

const installation = locateInstallation({ MESHBENCH_HOME: "/nowhere" });

const scheduleIds = async () =>
  (await Array.fromAsync(harness.client.schedule.list())).map(({ scheduleId }) => scheduleId).sort();

test("a host's schedule, made twice, reaps the host and settles its part of the ledger", async () => {
  const host = await harness.addHost("scheduled");
  await keepReapSchedules(harness.client, [host.id], installation);
  await keepReapSchedules(harness.client, [host.id], installation);
  expect(await scheduleIds()).toEqual(["meshbench-reap-scheduled"]);
  const schedule = harness.client.schedule.getHandle("meshbench-reap-scheduled");
  const { action, policies } = await schedule.describe();
  expect(policies).toMatchObject({ overlap: "SKIP" });
  expect(action).toMatchObject({ workflowType: REAP_HOST_WORKFLOW, args: [{ host: host.id }] });
  await schedule.trigger();
  await expect.poll(() => harness.store.settled, { timeout: 20_000 }).toEqual([host.id]);
  expect(host.callsOf("reapHost")).toEqual([host.id]);
  const { recentActions } = (await schedule.describe()).info;
  const [pass] = recentActions.map(({ action: { workflow } }) =>
    harness.client.workflow.getHandle(workflow.workflowId),
  );
  await pass?.result();
  await recordHistory(pass!, "reap-host");
});

test("a host that was taken out of hosts.yaml loses its schedule, those of other installations stay", async () => {
  const other = locateInstallation({ MESHBENCH_HOME: "/nowhere/other" });
  await keepReapSchedules(harness.client, ["elsewhere"], other);
  await keepReapSchedules(harness.client, ["kept", "removed"], installation);
  // What the server lists may be a moment old.
  await expect.poll(scheduleIds).toEqual(expect.arrayContaining(["meshbench-reap-removed"]));
  await keepReapSchedules(harness.client, ["kept"], installation);
  await expect.poll(scheduleIds).toEqual(["meshbench-reap-elsewhere", "meshbench-reap-kept"]);
});

test("the ledger has the run before anything is created, and no longer once all is gone", async () => {
  const host = await harness.addHost("ledger");
  const run = sampleRun({ runId: "ledger-p1-r1-a1", environment: { host: host.id } });
  const provision = host.holdNext("provisionNodes");
  const handle = await harness.startRun(run);
  await provision.reached;
  expect([...harness.store.openIntents.keys()]).toEqual([run.runId]);
  expect(host.nodes.size).toBe(0);
  provision.release();
  await handle.result();
  expect(harness.store.openIntents.size).toBe(0);
});

test("a run that leaves its nodes on purpose says so to the reaper, and stays in the ledger", async () => {
  const host = await harness.addHost("kept");
  const run = sampleRun({ runId: "kept-p1-r1-a1", environment: { host: host.id }, keep: "on-failure" });
  host.verdicts.set(run.runId, { status: "INVALID", reason: "gap: …" });
  const ask = askTemporalForRun(harness.client);
  expect(await ask(run.runId)).toBe("unknown");
  const handle = await harness.startRun(run);
  await handle.result();
  expect(await ask(run.runId)).toBe("kept");
  expect([...harness.store.openIntents.keys()]).toEqual([run.runId]);
  host.nodes.clear();
});

test("a run that was terminated has ended", async () => {
  const host = await harness.addHost("terminated");
  const run = sampleRun({ runId: "terminated-p1-r1-a1", environment: { host: host.id } });
  const main = host.holdNext("followMainLoop");
  const handle = await harness.startRun(run);
  await main.reached;
  const { askRunOutcome, domain } = await viewTemporal(harness.client);
  expect(await askRunOutcome(run.runId)).toBe("open");
  expect(domain).toMatch(/^[0-9a-f-]{36}\/default$/);
  await handle.terminate();
  expect(await askRunOutcome(run.runId)).toBe("ended");
});
