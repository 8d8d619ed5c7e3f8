import { availableParallelism } from "node:os";
import { afterEach, expect, test } from "vitest";
import { runWorkflowId } from "#model/ids";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import { brokenRow, ONE_ATTEMPT } from "#test/chaos/support/node-faults/after-fault";
import { startForeignLoad } from "#test/support/foreign-load";
import type { Load } from "#test/support/foreign-load";

/** Test machines have others on them; the load of these tests is more than that. */
const LIMIT_PCT = 70;
const LOADS = 3 * availableParallelism();

const loads: Load[] = [];
afterEach(() => {
  for (const load of loads.splice(0)) load.stop();
});

async function loadAllProcessors(): Promise<void> {
  for (let i = 0; i < LOADS; i++) loads.push(await startForeignLoad());
}

/** An installation whose runs wait so long for a quiet host. */
const upWithGuards = (quietWaitSec: number) =>
  ChaosHarness.up({ hosts: { guards: { foreign_cpu_pct: LIMIT_PCT, quiet_wait_s: quietWaitSec } } });

test("F41: other load before a run is waited for, then refused, and nothing was created", async () => {
  await using chaos = await upWithGuards(10);
  await loadAllProcessors();
  const sweep = await chaos.startSweep("f41-before", { rest: ONE_ATTEMPT });
  sweep.faultIsOver();
  const row = await brokenRow(sweep);
  expect(row).toMatchObject({
    status: "FAILED",
    reason: expect.stringMatching(/^busy host: \d+ % foreign CPU.*limit 70 %/),
  });
  expect(chaos.events.ofNodes(chaos.installation.hostId, "create")).toEqual([]);
  expect(await chaos.violations()).toEqual([]);
});

test("F41: other load in the main loop makes a run INVALID, with its share; the data is proven", async () => {
  await using chaos = await upWithGuards(120);
  const sweep = await chaos.startSweep("f41-main", { durationSec: 15, rest: ONE_ATTEMPT });
  await sweep.untilStep("main");
  await loadAllProcessors();
  sweep.faultIsOver();
  const row = await brokenRow(sweep);
  expect(row).toMatchObject({ status: "INVALID", consistent: true, reason: expect.stringMatching(/^noisy host: /) });
  const [, sharePct] = /^noisy host: (\d+) % of the host's CPU was foreign.*, limit 70 %/.exec(row.reason) ?? [];
  expect(Number(sharePct)).toBeGreaterThan(LIMIT_PCT);
  expect(await chaos.violations()).toEqual([]);
});

test("F43: a reaper that is killed mid-pass is finished by the next ones, two at once, and no decoy is touched", async () => {
  await using chaos = await ChaosHarness.up();
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
