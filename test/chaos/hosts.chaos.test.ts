import { availableParallelism } from "node:os";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { runWorkflowId } from "#model/ids";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import { brokenRow, ONE_ATTEMPT } from "#test/chaos/support/node-faults/after-fault";
import { startForeignLoad } from "#test/support/foreign-load";
import type { Load } from "#test/support/foreign-load";

/** Test machines have others on them; the load of these tests is more than that. */
const LIMIT_PCT = 70;
const LOADS = 3 * availableParallelism();

describe("other load on the host", () => {
  let chaos: ChaosHarness;
  const loads: Load[] = [];
  beforeAll(async () => {
    chaos = await ChaosHarness.up({ hosts: { guards: { foreign_cpu_pct: LIMIT_PCT, quiet_wait_s: 15 } } });
  });
  afterEach(() => {
    for (const load of loads.splice(0)) load.stop();
  });
  afterAll(() => chaos[Symbol.asyncDispose]());

  async function loadAllProcessors(): Promise<void> {
    for (let i = 0; i < LOADS; i++) loads.push(await startForeignLoad());
  }

  test("F41: before a run it is waited for, then refused, and nothing was created", async () => {
    await loadAllProcessors();
    const sweep = await chaos.startSweep("f41-before", { rest: ONE_ATTEMPT });
    sweep.faultIsOver();
    const row = await brokenRow(sweep);
    expect(row, row.reason).toMatchObject({
      status: "FAILED",
      reason: expect.stringMatching(/^busy host: \d+ % foreign CPU.*limit 70 %/),
    });
    expect(chaos.events.ofNodes(chaos.installation.hostId, "create")).toEqual([]);
    expect(await chaos.violations()).toEqual([]);
  });

  test("F41: in the main loop it makes a run INVALID, with its share; the data is proven", async () => {
    const sweep = await chaos.startSweep("f41-main", { durationSec: 6, rest: ONE_ATTEMPT });
    await sweep.untilStep("main");
    await loadAllProcessors();
    sweep.faultIsOver();
    const row = await brokenRow(sweep);
    expect(row, row.reason).toMatchObject({ status: "INVALID", consistent: true });
    const [, sharePct] = /^noisy host: (\d+) % of the host's CPU was foreign.*, limit 70 %/.exec(row.reason) ?? [];
    expect(Number(sharePct)).toBeGreaterThan(LIMIT_PCT);
    expect(await chaos.violations()).toEqual([]);
  });
});

describe("a reaper", () => {
  let chaos: ChaosHarness;
  beforeAll(async () => {
    chaos = await ChaosHarness.up();
  });
  afterAll(() => chaos[Symbol.asyncDispose]());

  test("F43: that is killed mid-pass is finished by the next ones, two at once, and no decoy is touched", async () => {
    const { installation, events } = chaos;
    const sweep = await chaos.startSweep("f43", { nodes: 4, durationSec: 60, rest: ONE_ATTEMPT });
    await sweep.untilStep("main");
    const removals = () => events.ofNodes(installation.hostId, "destroy").length;
    // With the worker gone nobody else cleans up after the workflows' end.
    await installation.killService("worker", async () => {
      await installation.withClient((client) => client.workflow.getHandle(runWorkflowId(sweep.runId)).terminate("f43"));
      await installation.terminate(sweep.id, "f43");
      const first = installation.start("reap");
      await expect.poll(removals, { timeout: 60_000, interval: 5 }).toBeGreaterThan(0);
      first.kill("SIGKILL");
      await first.finished;
      expect(await installation.resources()).not.toEqual([]);
      await Promise.all([installation.expectExit(0, "reap"), installation.expectExit(0, "reap")]);
      expect(await installation.resources()).toEqual([]);
    });
    sweep.faultIsOver();
    await sweep.command.finished;
    expect(removals()).toBe(4);
    expect(await chaos.decoys.findTouched()).toEqual([]);
    expect(await chaos.violations()).toEqual([]);
  });
});
