import type { WorkflowFailedError } from "@temporalio/client";
import { CancelledFailure } from "@temporalio/common";
import { afterAll, beforeAll, describe, test } from "vitest";
import { BenchError } from "#model/errors";
import { hostWorkflowId, runWorkflowId, sweepWorkflowId } from "#model/ids";
import { packPlan } from "#model/packed-plan";
import type { Plan } from "#model/plan";
import { getRunProgressQuery, getSweepProgressQuery, pauseSweepUpdate, resumeSweepUpdate } from "#workflows/messages";
import type { ResumedSweep, SweepInput } from "#workflows/messages";
import { recordHistory } from "#test/support/recorded-histories";
import { samplePlan } from "#test/support/sample-plan";
import { sampleRun } from "#test/support/sample-run";
import { WorkflowHarness } from "#test/support/workflow-harness";
import type { FakeHost } from "#test/support/workflow-harness";

/** A machine under load is slow, not wrong. */
const SOON = { timeout: 30_000 };
const LONG_AGO = "2026-01-01T00:00:00.000Z";
const LATER = "2099-01-01T00:00:00.000Z";

let harness: WorkflowHarness;
beforeAll(async () => {
  // So that sweeps go on over several histories while they are paused, and after they were resumed.
  harness = await WorkflowHarness.start(["limit.historyCount.suggestContinueAsNew=60"]);
});
afterAll(() => harness.close());

let hostsMade = 0;
const newHost = (): Promise<FakeHost> => harness.addHost(`resume-test-${++hostsMade}`);

const sweepOf = (sweepId: string, plan: Plan, rest: Partial<SweepInput> = {}): SweepInput => ({
  sweepId,
  plan: packPlan(plan),
  sourceSha: "",
  ...rest,
});

/** As a command does it: with what the sweep's earlier workflow pinned. */
function resume(sweepId: string, plan: Plan, only?: ResumedSweep["only"]) {
  const environments = harness.store.pinOf(sweepId)?.environments ?? [];
  const resumed = { startedAt: LONG_AGO, environments, ...(only && { only }) };
  return harness.startSweep(sweepOf(sweepId, plan, { resumed }));
}

const sweepHandle = (sweepId: string) => harness.client.workflow.getHandle(sweepWorkflowId(sweepId));
const runHandle = (runId: string) => harness.client.workflow.getHandle(runWorkflowId(runId));
const pause = (sweepId: string) => sweepHandle(sweepId).executeUpdate(pauseSweepUpdate);
const goOn = (sweepId: string) => sweepHandle(sweepId).executeUpdate(resumeSweepUpdate);
const measured = (host: FakeHost) => host.callsOf("provisionNodes");
const ended = (handle: { result(): Promise<unknown> }) => handle.result().catch((error: unknown) => error);

describe.concurrent("a paused sweep", () => {
  test("lets its run end, starts no other, gives way, and goes on where it was", async ({ expect }) => {
    const host = await newHost();
    const { reached, release } = host.holdNext("followMainLoop");
    const handle = await harness.startSweep(sweepOf("gives-way", samplePlan({ host: host.id, repetitions: 2 })));
    await reached;
    expect(await pause("gives-way")).toEqual({ runsLeft: 4, wasPaused: false });
    expect(await pause("gives-way")).toEqual({ runsLeft: 4, wasPaused: true });
    release();
    const other = await harness.startSweep(sweepOf("passes", samplePlan({ host: host.id })));
    await other.result();
    expect(await handle.query(getSweepProgressQuery)).toMatchObject({ isPaused: true, runsDone: 1 });
    await expect.poll(() => harness.store.statusesOf("gives-way"), SOON).toEqual(["OPEN", "PAUSED"]);
    expect(await goOn("gives-way")).toEqual({ runsLeft: 3, wasPaused: true });
    expect(await handle.result()).toMatchObject({ statusCounts: { VALID: 4 } });
    expect(harness.store.statusesOf("gives-way")).toEqual(["OPEN", "PAUSED", "OPEN", "DONE"]);
    expect(measured(host).map((runId) => runId.replace(/-p\d.*/, ""))).toEqual([
      "gives-way",
      "passes",
      "passes",
      "gives-way",
      "gives-way",
      "gives-way",
    ]);
    expect(host.overlaps).toEqual([]);
    await recordHistory(sweepHandle("gives-way"), "sweep-paused");
  });

  test("whose run waits in line is passed by those behind it", async ({ expect }) => {
    const host = await newHost();
    const { reached, release } = host.holdNext("followMainLoop");
    const plan = samplePlan({ host: host.id });
    const first = await harness.startSweep(sweepOf("holds", plan));
    await reached;
    const paused = await harness.startSweep(sweepOf("aside", plan));
    await expect.poll(async () => (await harness.hostQueue(host.id)).line.length, SOON).toBe(2);
    await pause("aside");
    await expect.poll(async () => (await harness.hostQueue(host.id)).aside, SOON).toEqual(["sweep-aside"]);
    const last = await harness.startSweep(sweepOf("behind", plan));
    release();
    await Promise.all([first.result(), last.result()]);
    expect(measured(host).some((runId) => runId.startsWith("aside"))).toBe(false);
    await goOn("aside");
    expect(await paused.result()).toMatchObject({ statusCounts: { VALID: 2 } });
    expect(host.overlaps).toEqual([]);
  });

  test("is cancelled like any other, and cannot go on while it ends", async ({ expect }) => {
    const host = await newHost();
    const main = host.holdNext("followMainLoop");
    const teardown = host.holdNext("destroyNodes");
    const handle = await harness.startSweep(sweepOf("given-up", samplePlan({ host: host.id })));
    await main.reached;
    await pause("given-up");
    await handle.cancel();
    await teardown.reached;
    await expect(goOn("given-up")).rejects.toMatchObject({ cause: { message: "the sweep is being ended" } });
    teardown.release();
    expect(((await ended(handle)) as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure);
    expect(harness.store.statusesOf("given-up").at(-1)).toBe("CANCELLED");
    expect(measured(host)).toEqual(["given-up-p1-r1-a1"]);
    await expect.poll(() => harness.hostQueueStatus(host.id), SOON).toBe("COMPLETED");
  });
});

describe.concurrent("a resumed sweep", () => {
  test("measures what was not finished, in the first order, over as many histories as it takes", async ({ expect }) => {
    const host = await newHost();
    const plan = samplePlan({ host: host.id, repetitions: 3, order: "interleaved", attempts: 1 });
    const [first, second, third, ...others] = plan.runs.map(
      ({ point, repetition }) => `again-p${point}-r${repetition}`,
    );
    host.verdicts.set(`${first}-a1`, { status: "INVALID", reason: "noisy host: 40 %" });
    const before = await harness.startSweep(sweepOf("again", plan));
    await expect.poll(() => measured(host).length, SOON).toBe(2);
    const { reached } = host.holdNext("followMainLoop");
    await reached;
    await before.cancel();
    await ended(before);
    const interrupted = harness.store.verdictsOf("again").find((verdict) => verdict.endsWith("CANCELLED"));

    const handle = await resume("again", plan);
    expect(await handle.result()).toMatchObject({
      runsPlanned: 6,
      statusCounts: { INVALID: 1, VALID: 5, CANCELLED: 1 },
    });
    const [again] = (interrupted ?? "").split("-a1 ");
    expect([second, third]).toContain(again);
    const inOrder = [first, second, third, ...others].flatMap((run) =>
      run === again ? [`${run}-a1`, `${run}-a2`] : [`${run}-a1`],
    );
    expect(measured(host)).toEqual(inOrder);
    expect(host.callsOf("prepareEnvironment")).toHaveLength(1);
    expect(harness.store.statusesOf("again")).toEqual(["OPEN", "CANCELLED", "OPEN", "DONE"]);
    expect(harness.store.sweeps.findLast(({ sweepId }) => sweepId === "again")?.startedAt).toBe(LONG_AGO);
    expect((await handle.describe()).runId).not.toBe(handle.firstExecutionRunId);
    await recordHistory(
      harness.client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId),
      "sweep-resumed",
    );
  });

  test("waits for the run of its terminated workflow to be torn down", async ({ expect }) => {
    const host = await newHost();
    const plan = samplePlan({ host: host.id });
    const main = host.holdNext("followMainLoop");
    const teardown = host.holdNext("destroyNodes");
    const before = await harness.startSweep(sweepOf("hasty", plan));
    await main.reached;
    await before.terminate();
    await teardown.reached;
    const handle = await resume("hasty", plan);
    await expect.poll(() => harness.store.statusesOf("hasty").length, SOON).toBeGreaterThan(0);
    teardown.release();
    expect(await handle.result()).toMatchObject({ statusCounts: { CANCELLED: 1, VALID: 2 } });
    expect(harness.store.verdictsOf("hasty")).toEqual([
      "hasty-p1-r1-a1 CANCELLED",
      "hasty-p1-r1-a2 VALID",
      "hasty-p2-r1-a1 VALID",
    ]);
    expect(host.overlaps).toEqual([]);
  });

  test("is not paused any more, though it was when it was terminated", async ({ expect }) => {
    const host = await newHost();
    const plan = samplePlan({ host: host.id });
    const { reached, release } = host.holdNext("followMainLoop");
    const before = await harness.startSweep(sweepOf("forgotten", plan));
    await reached;
    await pause("forgotten");
    await expect.poll(async () => (await harness.hostQueue(host.id)).aside, SOON).toEqual(["sweep-forgotten"]);
    release();
    await expect.poll(() => before.query(getSweepProgressQuery), SOON).toMatchObject({ runsDone: 1 });
    await before.terminate();
    expect(await (await resume("forgotten", plan)).result()).toMatchObject({ statusCounts: { VALID: 2 } });
    expect(measured(host)).toEqual(["forgotten-p1-r1-a1", "forgotten-p2-r1-a1"]);
  });

  test("measures only what ended as asked, with fresh attempts", async ({ expect }) => {
    const host = await newHost();
    const plan = samplePlan({ host: host.id, repetitions: 2, attempts: 1 });
    host.verdicts.set("only-p1-r2-a1", { status: "SUSPECT", reason: "reconnect: once" });
    host.verdicts.set("only-p2-r1-a1", { status: "INVALID", reason: "gap: 2 s" });
    host.failNext("provisionNodes", new BenchError("capacity", "too many nodes"));
    await (await harness.startSweep(sweepOf("only", plan))).result();
    const handle = await resume("only", plan, ["FAILED", "SUSPECT"]);
    expect(await handle.result()).toMatchObject({ statusCounts: { FAILED: 1, SUSPECT: 1, INVALID: 1, VALID: 3 } });
    expect(measured(host).slice(4)).toEqual(["only-p1-r1-a2", "only-p1-r2-a2"]);
  });

  test("prepares its environments where it ended before they were", async ({ expect }) => {
    const host = await newHost();
    const plan = samplePlan({ host: host.id });
    host.failNext("prepareEnvironment", new BenchError("image", "no image sha256:00"));
    await ended(await harness.startSweep(sweepOf("early", plan)));
    expect(await (await resume("early", plan)).result()).toMatchObject({ statusCounts: { VALID: 2 } });
    expect(harness.store.pinOf("early")).toMatchObject({ environments: [{ imageDigest: `sha256:${"0".repeat(64)}` }] });
  });
});

/** Its workflow and the host's queue are gone, its nodes are not. */
async function interruptRun(host: FakeHost, runId: string): Promise<void> {
  const { reached } = host.holdNext("followMainLoop");
  const run = await harness.startRun(sampleRun({ runId, environment: { host: host.id } }));
  await reached;
  await harness.client.workflow.getHandle(hostWorkflowId(host.id)).terminate();
  await run.terminate();
}

describe.concurrent("an interrupted run", () => {
  test("goes on with its nodes, as the same attempt", async ({ expect }) => {
    const host = await newHost();
    const plan = samplePlan({ host: host.id });
    await interruptRun(host, "attached-p1-r1-a1");
    const handle = await resume("attached", plan);
    expect(await handle.result()).toMatchObject({ statusCounts: { VALID: 2 } });
    expect(harness.store.verdictsOf("attached")).toEqual(["attached-p1-r1-a1 VALID", "attached-p2-r1-a1 VALID"]);
    expect(host.overlaps).toEqual([]);
    await recordHistory(runHandle("attached-p1-r1-a1"), "benchmark-run-attached");
  });

  test("goes on before others that wait, also where Temporal has lost it", async ({ expect }) => {
    const host = await newHost();
    const plan = samplePlan({ host: host.id });
    host.nodes.set("lost-p1-r1-a1", LATER);
    const first = await harness.startSweep(sweepOf("earlier", plan));
    await expect
      .poll(async () => (await harness.hostQueue(host.id)).now, SOON)
      .toMatchObject({ left: ["lost-p1-r1-a1"] });
    const handle = await resume("lost", plan);
    await Promise.all([handle.result(), first.result()]);
    expect(measured(host)[0]).toBe("lost-p1-r1-a1");
    expect(harness.store.verdictsOf("lost")).toEqual(["lost-p1-r1-a1 VALID", "lost-p2-r1-a1 VALID"]);
    expect(host.overlaps).toEqual([]);
  });

  test("is INVALID where some of its nodes are gone, and a fresh one follows", async ({ expect }) => {
    const host = await newHost();
    await interruptRun(host, "half-p1-r1-a1");
    host.nodesLeft = 1;
    const handle = await resume("half", samplePlan({ host: host.id }));
    expect(await handle.result()).toMatchObject({ statusCounts: { INVALID: 1, VALID: 2 } });
    expect(harness.store.rowsOf("half-p1-r1-a1")).toMatchObject([
      { status: "INVALID", reason: expect.stringMatching(/^node lost: .*interrupted, and 1 of its 2 nodes are left/) },
    ]);
    expect(measured(host)).toEqual(["half-p1-r1-a1", "half-p1-r1-a2", "half-p2-r1-a1"]);
  });

  test("of which nothing is left is FAILED, and a fresh one follows", async ({ expect }) => {
    const host = await newHost();
    await interruptRun(host, "gone-p1-r1-a1");
    host.nodes.clear();
    await (await resume("gone", samplePlan({ host: host.id }))).result();
    expect(harness.store.verdictsOf("gone")).toEqual([
      "gone-p1-r1-a1 FAILED",
      "gone-p1-r1-a2 VALID",
      "gone-p2-r1-a1 VALID",
    ]);
    expect(harness.store.rowsOf("gone-p1-r1-a1")[0]?.reason).toMatch(/^history lost: .*0 of its 2 nodes/);
  });
});

test.concurrent("whoever waits sees its place, what it waits for, and about when it starts", async ({ expect }) => {
  const host = await newHost();
  const { reached, release } = host.holdNext("followMainLoop");
  const plan = samplePlan({ host: host.id });
  const first = await harness.startSweep(sweepOf("ahead", plan));
  await reached;
  const second = await harness.startSweep(sweepOf("waits", plan));
  const run = runHandle("waits-p1-r1-a1");
  await expect
    .poll(() => run.query(getRunProgressQuery).catch(() => undefined), SOON)
    .toMatchObject({
      prospect: { position: 2, waitingFor: expect.stringMatching(/^run-ahead-p1-r1-a1 has resume-test-\d+ since/) },
    });
  const { now, prospects } = await harness.hostQueue(host.id);
  const since = now.state === "leased" ? Date.parse(now.since) : Number.NaN;
  const startsAfterMs = Date.parse(prospects[1]?.estimatedStartAt ?? "") - since;
  expect(startsAfterMs).toBeGreaterThanOrEqual(Math.floor(plan.estimatedSec * 1000));
  expect(prospects.map(({ owner }) => owner)).toEqual(["sweep-ahead", "sweep-waits"]);
  release();
  await Promise.all([first.result(), second.result()]);
});
