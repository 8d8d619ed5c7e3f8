import type { WorkflowFailedError } from "@temporalio/client";
import { ApplicationFailure, CancelledFailure } from "@temporalio/common";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { BenchError } from "#model/errors";
import { hostWorkflowId, runWorkflowId, sweepWorkflowId } from "#model/ids";
import { packPlan } from "#model/packed-plan";
import type { Plan } from "#model/plan";
import { getSweepProgressQuery, requestHostSignal } from "#workflows/messages";
import type { SweepInput } from "#workflows/messages";
import { recordHistory } from "#test/support/recorded-histories";
import { samplePlan, sampleEnvironment } from "#test/support/sample-plan";
import { WorkflowHarness } from "#test/support/workflow-harness";
import type { FakeHost } from "#test/support/workflow-harness";

/** A machine under load is slow, not wrong. */
const SOON = { timeout: 30_000 };

let harness: WorkflowHarness;
beforeAll(async () => {
  // So that sweeps of a few runs, and the queues of their hosts, move to new histories on the way.
  harness = await WorkflowHarness.start(["limit.historyCount.suggestContinueAsNew=45"]);
});
afterAll(() => harness.close());

let hostsMade = 0;
const newHost = (): Promise<FakeHost> => harness.addHost(`sweep-test-${++hostsMade}`);

const sweepOf = (sweepId: string, plan: Plan, rest: Partial<SweepInput> = {}): SweepInput => ({
  sweepId,
  plan: packPlan(plan),
  sourceSha: "",
  ...rest,
});

/** What a host measured, in order. */
const measured = (host: FakeHost) => host.callsOf("provisionNodes");

describe.concurrent("a sweep", () => {
  test("measures its runs in the plan's order, over as many histories as it takes", async () => {
    const host = await newHost();
    const plan = samplePlan({ host: host.id, repetitions: 3, order: "interleaved" });
    const handle = await harness.startSweep(sweepOf("ordered", plan));
    expect(await handle.result()).toEqual({ sweepId: "ordered", runsPlanned: 6, statusCounts: { VALID: 6 } });
    expect(measured(host)).toEqual(plan.runs.map(({ point, repetition }) => `ordered-p${point}-r${repetition}-a1`));
    expect(host.callsOf("prepareEnvironment")).toEqual([`on-${host.id}`]);
    expect(harness.store.statusesOf("ordered")).toEqual(["OPEN", "DONE"]);
    expect(await handle.query(getSweepProgressQuery)).toMatchObject({ runsDone: 6, lastRows: { length: 6 } });
    expect((await handle.describe()).runId).not.toBe(handle.firstExecutionRunId);
    expect(host.overlaps).toEqual([]);
    const first = harness.client.workflow.getHandle(sweepWorkflowId("ordered"), handle.firstExecutionRunId);
    await recordHistory(first, "sweep-continued");
  });

  test("measures an INVALID run again, as often as its attempts go, and then goes on", async () => {
    const host = await newHost();
    const noisy = { status: "INVALID", reason: "noisy host: 40 %" } as const;
    for (const runId of ["again-p1-r1-a1", "again-p2-r1-a1", "again-p2-r1-a2"]) host.verdicts.set(runId, noisy);
    const handle = await harness.startSweep(sweepOf("again", samplePlan({ host: host.id })));
    expect(await handle.result()).toMatchObject({ statusCounts: { VALID: 1, INVALID: 3 } });
    expect(measured(host)).toEqual(["again-p1-r1-a1", "again-p1-r1-a2", "again-p2-r1-a1", "again-p2-r1-a2"]);
  });

  test("does not repeat what would fail the same way", async () => {
    const host = await newHost();
    host.failNext("provisionNodes", new BenchError("capacity", "too many nodes"));
    const handle = await harness.startSweep(sweepOf("hopeless", samplePlan({ host: host.id })));
    expect(await handle.result()).toMatchObject({ statusCounts: { FAILED: 1, VALID: 1 } });
    expect(measured(host)).toEqual(["hopeless-p1-r1-a1", "hopeless-p2-r1-a1"]);
  });

  test("goes on beside itself where its environments are on different hosts", async () => {
    const hosts = [await newHost(), await newHost()];
    const held = hosts.map((host) => host.holdNext("followMainLoop"));
    const environments = hosts.map(({ id }) => sampleEnvironment(id));
    const handle = await harness.startSweep(sweepOf("apart", samplePlan({ environments })));
    await Promise.all(held.map(({ reached }) => reached));
    for (const { release } of held) release();
    expect(await handle.result()).toMatchObject({ statusCounts: { VALID: 4 } });
  });

  test("ends before anything is created where an environment cannot be prepared", async () => {
    const host = await newHost();
    host.failNext("prepareEnvironment", new BenchError("image", "no image sha256:00"));
    const handle = await harness.startSweep(sweepOf("unprepared", samplePlan({ host: host.id })));
    const error = await handle.result().catch((reason: unknown) => reason);
    expect((error as WorkflowFailedError).cause).toBeInstanceOf(ApplicationFailure);
    expect((error as WorkflowFailedError).cause).toMatchObject({
      type: "image",
      message: expect.stringMatching(/^image: no image sha256:00 \(.*host sweep-test-\d+\); build or load it/),
    });
    expect(harness.store.statusesOf("unprepared")).toEqual(["OPEN", "FAILED"]);
    expect(measured(host)).toEqual([]);
  });

  test("cancelled, tears down and records the run under way and starts no other", async () => {
    const host = await newHost();
    const { reached } = host.holdNext("followMainLoop");
    const handle = await harness.startSweep(sweepOf("cancelled", samplePlan({ host: host.id })));
    await reached;
    await handle.cancel();
    const error = await handle.result().catch((reason: unknown) => reason);
    expect((error as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure);
    expect(harness.store.verdictsOf("cancelled")).toEqual(["cancelled-p1-r1-a1 CANCELLED"]);
    expect(harness.store.statusesOf("cancelled")).toEqual(["OPEN", "CANCELLED"]);
    expect(host.nodes.size).toBe(0);
    await recordHistory(handle, "sweep-cancelled");
  });

  test("goes on when one of its runs is cancelled", async () => {
    const host = await newHost();
    const { reached } = host.holdNext("followMainLoop");
    const handle = await harness.startSweep(sweepOf("one-less", samplePlan({ host: host.id })));
    await reached;
    await harness.client.workflow.getHandle(runWorkflowId("one-less-p1-r1-a1")).cancel();
    expect(await handle.result()).toMatchObject({ statusCounts: { CANCELLED: 1, VALID: 1 } });
  });

  test("terminated, has its run torn down and recorded, and the host given to the next", async () => {
    const host = await newHost();
    const { reached } = host.holdNext("followMainLoop");
    const handle = await harness.startSweep(sweepOf("terminated", samplePlan({ host: host.id })));
    await reached;
    const next = await harness.startSweep(sweepOf("heir", samplePlan({ host: host.id })));
    await handle.terminate();
    expect(await next.result()).toMatchObject({ statusCounts: { VALID: 2 } });
    expect(harness.store.verdictsOf("terminated")).toEqual(["terminated-p1-r1-a1 CANCELLED"]);
    expect(host.overlaps).toEqual([]);
  });

  test("records a run that was terminated, has its host cleaned, and measures a fresh one", async () => {
    const host = await newHost();
    const { reached } = host.holdNext("followMainLoop");
    const handle = await harness.startSweep(sweepOf("killed-run", samplePlan({ host: host.id })));
    await reached;
    await harness.client.workflow.getHandle(runWorkflowId("killed-run-p1-r1-a1")).terminate();
    expect(await handle.result()).toMatchObject({ statusCounts: { FAILED: 1, VALID: 2 } });
    expect(harness.store.rowsOf("killed-run-p1-r1-a1")).toMatchObject([
      { status: "FAILED", reason: expect.stringMatching(/^history lost: /) },
    ]);
    expect(host.overlaps).toEqual([]);
  });
});

describe.concurrent("two sweeps on one host", () => {
  test("take turns as they arrived, never at once", async () => {
    const host = await newHost();
    const { reached, release } = host.holdNext("followMainLoop");
    const first = await harness.startSweep(sweepOf("first", samplePlan({ host: host.id, repetitions: 2 })));
    await reached;
    const second = await harness.startSweep(sweepOf("second", samplePlan({ host: host.id })));
    await vi.waitFor(async () => expect((await harness.hostQueue(host.id)).line.length).toBe(2), SOON);
    release();
    await Promise.all([first.result(), second.result()]);
    expect(measured(host).map((runId) => runId.split("-")[0])).toEqual([
      ...Array.from({ length: 4 }, () => "first"),
      ...Array.from({ length: 2 }, () => "second"),
    ]);
    expect(host.overlaps).toEqual([]);
    await vi.waitFor(async () => expect(await harness.hostQueueStatus(host.id)).toBe("COMPLETED"), SOON);
    await recordHistory(harness.client.workflow.getHandle(hostWorkflowId(host.id)), "host-queue");
  });

  test("give way to one of greater priority between two runs", async () => {
    const host = await newHost();
    const { reached, release } = host.holdNext("followMainLoop");
    const plan = samplePlan({ host: host.id });
    const usual = await harness.startSweep(sweepOf("usual", plan));
    await reached;
    const urgent = await harness.startSweep(sweepOf("urgent", plan, { priority: 10 }));
    await vi.waitFor(async () => expect((await harness.hostQueue(host.id)).line.length).toBe(2), SOON);
    release();
    await Promise.all([usual.result(), urgent.result()]);
    expect(measured(host)).toEqual(["usual-p1-r1-a1", "urgent-p1-r1-a1", "urgent-p2-r1-a1", "usual-p2-r1-a1"]);
    expect(host.overlaps).toEqual([]);
  });

  test("are served also when the queue itself was terminated", async () => {
    const host = await newHost();
    const { reached, release } = host.holdNext("followMainLoop");
    const handle = await harness.startSweep(sweepOf("orphaned", samplePlan({ host: host.id })));
    await reached;
    await harness.client.workflow.getHandle(hostWorkflowId(host.id)).terminate();
    const other = await harness.startSweep(sweepOf("newcomer", samplePlan({ host: host.id })));
    // The new queue finds the nodes of a run that goes on: nobody gets the host until they are gone.
    await expect
      .poll(async () => (await harness.hostQueue(host.id)).now, SOON)
      .toMatchObject({ left: ["orphaned-p1-r1-a1"] });
    release();
    await Promise.all([handle.result(), other.result()]);
    expect(host.overlaps).toEqual([]);
  });
});

test("the queue of a host moves to a new history without forgetting anyone", async () => {
  const host = await newHost();
  const { reached, release } = host.holdNext("followMainLoop");
  const plan = samplePlan({ host: host.id });
  const holder = await harness.startSweep(sweepOf("holding", plan));
  await reached;
  const queue = harness.client.workflow.getHandle(hostWorkflowId(host.id));
  const waiting = await harness.startSweep(sweepOf("waiting", plan));
  await vi.waitFor(async () => expect((await harness.hostQueue(host.id)).line.length).toBe(2), SOON);
  const { runId } = await queue.describe();
  const before = await harness.hostQueue(host.id);
  await Promise.all(Array.from({ length: 50 }, () => queue.signal("releaseHost", { holder: "run-of-nobody" })));
  const place = { owner: "sweep-nobody", priority: 0, arrivedAt: "9999", estimatedSec: 1, laterSec: 0 };
  await queue.signal(requestHostSignal, { holder: "run-nobody", ...place });
  await vi.waitFor(async () => expect((await queue.describe()).runId).not.toBe(runId), SOON);
  expect((await harness.hostQueue(host.id)).now).toEqual(before.now);
  release();
  await Promise.all([holder.result(), waiting.result()]);
  expect(host.overlaps).toEqual([]);
  await recordHistory(harness.client.workflow.getHandle(hostWorkflowId(host.id), runId), "host-queue-continued");
});
