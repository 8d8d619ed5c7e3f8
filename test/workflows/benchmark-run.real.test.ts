import { WorkflowFailedError } from "@temporalio/client";
import { CancelledFailure } from "@temporalio/common";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { BenchError } from "#model/errors";
import type { RunSpec } from "#model/run";
import { getRunProgressQuery } from "#workflows/messages";
import { recordHistory } from "#test/support/recorded-histories";
import { sampleRun } from "#test/support/sample-run";
import { WorkflowHarness } from "#test/support/workflow-harness";
import type { FakeHost, StepName } from "#test/support/workflow-harness";

/** A machine under load is slow, not wrong. */
const SOON = { timeout: 30_000 };

let harness: WorkflowHarness;
beforeAll(async () => {
  harness = await WorkflowHarness.start();
});
afterAll(() => harness.close());

const PHASES = [
  "provisionNodes",
  "passBarrier",
  "followMainLoop",
  "finaliseRun",
  "collectRun",
] as const satisfies StepName[];
const STEPS = [...PHASES, "fetchEvidence", "destroyNodes"] as const satisfies StepName[];

/** Every run has a host of its own, so that the tests of this file go on beside each other. */
let hostsMade = 0;
async function newRun(overrides: Partial<RunSpec> = {}): Promise<{ host: FakeHost; run: RunSpec }> {
  const host = await harness.addHost(`run-test-${++hostsMade}`);
  const base = sampleRun({ runId: `${host.id}-p1-r1-a1`, environment: { host: host.id } });
  return { host, run: { ...base, ...overrides } };
}

async function cancelledOnce(run: RunSpec, reached: Promise<void>): Promise<unknown> {
  const handle = await harness.startRun(run);
  await reached;
  await handle.cancel();
  return handle.result().catch((error: unknown) => error);
}

describe.concurrent("a run", () => {
  test("measures, tears down and records one VALID row with its evidence", async () => {
    const { host, run } = await newRun();
    const handle = await harness.startRun(run);
    const row = await handle.result();
    expect(row).toMatchObject({ run_id: run.runId, status: "VALID", provision_s: 0.5, teardown_s: 0.25 });
    expect(harness.store.rowsOf(run.runId)).toEqual([row]);
    expect(harness.store.evidence.get(run.runId)).toHaveLength(2);
    expect(host.calls).toEqual([
      `proveHostClean ${host.id}`,
      ...[...PHASES, "fetchEvidence", "fetchEvidence", "destroyNodes"].map((step) => `${step} ${run.runId}`),
      ...host.calls.slice(9),
    ]);
    expect(await handle.query(getRunProgressQuery)).toMatchObject({ step: "recorded" });
    await recordHistory(handle, "benchmark-run");
  });

  test("is found by its search attributes, with its status", async () => {
    const { run } = await newRun();
    await (await harness.startRun(run)).result();
    const query = `MeshbenchHost="${run.environment.host}" AND MeshbenchNodes=2 AND MeshbenchRate=600`;
    await expect
      .poll(async () => {
        const found = await Array.fromAsync(harness.client.workflow.list({ query }));
        return found.map(({ searchAttributes }) => searchAttributes["MeshbenchStatus"]);
      }, SOON)
      .toEqual([["VALID"]]);
  });

  test.for(PHASES)("leaves no node and one FAILED row when %s fails", async (step) => {
    const { host, run } = await newRun();
    host.failNext(step, new BenchError("node failed", "it went wrong", { node: 2 }));
    const handle = await harness.startRun(run);
    expect(await handle.result()).toMatchObject({ status: "FAILED", teardown_s: 0.25 });
    expect(harness.store.rowsOf(run.runId).map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^node failed: it went wrong \(in \w+, node 2, host run-test-\d+\); read the node's log/),
    ]);
    expect(host.nodes.size).toBe(0);
    if (step === "followMainLoop") await recordHistory(handle, "benchmark-run-failed");
  });

  test.for(STEPS)("is VALID when %s is done twice", async (step) => {
    const { host, run } = await newRun();
    host.failNext(step, new BenchError("engine unavailable", "cut off"), "after");
    expect(await (await harness.startRun(run)).result()).toMatchObject({ status: "VALID" });
    expect(host.callsOf(step).length).toBeGreaterThan(1);
    expect(harness.store.rowsOf(run.runId)).toHaveLength(1);
    expect(host.nodes.size).toBe(0);
  });

  test.for(PHASES)("cancelled in %s, leaves no node and one CANCELLED row", async (step) => {
    const { host, run } = await newRun();
    const error = await cancelledOnce(run, host.holdNext(step).reached);
    expect(error).toBeInstanceOf(WorkflowFailedError);
    expect((error as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure);
    expect(harness.store.rowsOf(run.runId)).toMatchObject([{ status: "CANCELLED", teardown_s: 0.25 }]);
    expect(host.nodes.size).toBe(0);
  });

  test("cancelled in teardown, is torn down all the same and keeps its result", async () => {
    const { host, run } = await newRun();
    const { reached, release } = host.holdNext("destroyNodes");
    const handle = await harness.startRun(run);
    await reached;
    await handle.cancel();
    release();
    expect(await handle.result()).toMatchObject({ status: "VALID" });
    expect(host.nodes.size).toBe(0);
  });

  test("cancelled in line, leaves the line and touches nothing", async () => {
    const { host, run } = await newRun();
    const held = host.holdNext("followMainLoop");
    const first = await harness.startRun(run);
    await held.reached;
    const waiting = { ...run, runId: `${host.id}-p1-r2-a1` };
    const handle = await harness.startRun(waiting);
    await vi.waitFor(async () => expect((await harness.hostQueue(host.id)).line.length).toBe(2), SOON);
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    expect(harness.store.rowsOf(waiting.runId)).toMatchObject([{ status: "CANCELLED", teardown_s: null }]);
    expect(host.calls.filter((call) => call.endsWith(waiting.runId))).toEqual([]);
    held.release();
    await first.result();
  });

  test("records its result also when its teardown fails for good, and the host is cleaned before the next", async () => {
    const { host, run } = await newRun();
    host.failNext("destroyNodes", new BenchError("bug", "cannot remove"));
    expect(await (await harness.startRun(run)).result()).toMatchObject({ status: "VALID", teardown_s: null });
    await vi.waitFor(async () => expect(host.nodes.size).toBe(0), SOON);
    const next = { ...run, runId: `${host.id}-p1-r2-a1` };
    expect(await (await harness.startRun(next)).result()).toMatchObject({ status: "VALID" });
    expect(host.overlaps).toEqual([]);
  });

  test("whose teardown takes a second attempt is crossed out in the ledger like any other", async () => {
    const { host, run } = await newRun();
    host.failNext("destroyNodes", new Error("the connection broke"), "after");
    expect(await (await harness.startRun(run)).result()).toMatchObject({ status: "VALID", teardown_s: null });
    expect(harness.store.openIntents.has(run.runId)).toBe(false);
  });

  test("with keep: on-failure leaves a failed run's nodes until their deadline, and the host unleased", async () => {
    const { host, run } = await newRun({ keep: "on-failure", deadlineSec: 4 });
    host.failNext("followMainLoop", new BenchError("oom", "out of memory"));
    expect(await (await harness.startRun(run)).result()).toMatchObject({ status: "INVALID", teardown_s: null });
    expect(host.nodes.has(run.runId)).toBe(true);
    const next = { ...run, runId: `${host.id}-p1-r2-a1` };
    expect(await (await harness.startRun(next)).result()).toMatchObject({ status: "VALID" });
    expect(host.overlaps).toEqual([]);
    expect(host.callsOf("destroyNodes")).not.toContain(run.runId);
  });

  test("goes on within 20 s when the worker of its main loop is killed", async () => {
    const { host, run } = await newRun();
    host.killNext("followMainLoop");
    const startedMs = Date.now();
    expect(await (await harness.startRun(run)).result()).toMatchObject({ status: "VALID" });
    expect(Date.now() - startedMs).toBeLessThan(20_000);
    expect(host.callsOf("followMainLoop")).toHaveLength(2);
    expect(host.callsOf("provisionNodes")).toHaveLength(1);
  });

  test("that hits its deadline in the main loop says so, with the time it had", async () => {
    const { host, run } = await newRun();
    host.failNext("followMainLoop", new BenchError("deadline", "12 of 20 tuples"));
    const row = await (await harness.startRun(run)).result();
    expect(row).toMatchObject({ status: "INVALID", reason: expect.stringMatching(/^deadline: 12 of 20/) });
    expect(row.elapsed_s).toBeGreaterThan(599);
    expect(row.elapsed_s).toBeLessThanOrEqual(600);
  });

  test("that meets an error nobody foresaw ends as a bug, at once", async () => {
    const { host, run } = await newRun();
    host.failNext("passBarrier", new TypeError("undefined is not a barrier"));
    const row = await (await harness.startRun(run)).result();
    expect(row).toMatchObject({ status: "FAILED", reason: expect.stringMatching(/^bug: TypeError: undefined is not/) });
    expect(host.callsOf("passBarrier")).toHaveLength(1);
  });
});
