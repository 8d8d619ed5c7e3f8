import { join } from "node:path";
import { bundleWorkflowCode } from "@temporalio/worker";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readHistories } from "#test/support/recorded-histories";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import type { ChaosSweep } from "#test/chaos/support/chaos-harness";
import { replay } from "#test/chaos/support/replay";
import { CheckoutCopy } from "#test/chaos/support/checkout-copy";

const ALARM_SEC = 60;
const BENCHMARK_RUN = "workflows/benchmark-run.ts";
/** The last place before a run's nodes are removed: whatever breaks here must not leave them for ever. */
const WRAP_UP = "  const isKept = run.keep ===";

let copy: CheckoutCopy;
let chaos: ChaosHarness;
beforeEach(async () => {
  copy = new CheckoutCopy();
  chaos = await ChaosHarness.up({ checkout: copy.path });
});
afterEach(async () => {
  await chaos[Symbol.asyncDispose]();
  copy[Symbol.dispose]();
});

/** The supervisor starts it again, from what is in the copy by then. */
const replaceWorker = (): Promise<void> => chaos.installation.restartServices("worker");

/** Follower and doctor both name workflow and reason. */
async function expectAlarm({ command, runId }: ChaosSweep, reason: RegExp): Promise<void> {
  const [, told] = await command.says(/^workflow task failing: (.*)$/m, ALARM_SEC);
  expect(told).toMatch(reason);
  expect(told).toContain(`run-${runId}`);
  const { stdout } = await chaos.installation.run("doctor", "--json");
  expect(stdout).toMatch(reason);
  expect(stdout).toContain(`run-${runId}`);
}

/** With what the workflows were before. */
async function mendAndEnd(sweep: ChaosSweep): Promise<void> {
  copy.mend(BENCHMARK_RUN);
  await replaceWorker();
  sweep.faultIsOver();
  const { rows } = await sweep.ended();
  expect(rows).toMatchObject([{ status: "VALID", attempt: 1 }]);
  expect(await chaos.violations()).toEqual([]);
}

const removals = () => chaos.events.ofNodes(chaos.installation.hostId, "destroy");

test("F10: a TypeError in a workflow raises an alarm within a minute, and a mended worker goes on", async () => {
  const sweep = await chaos.startSweep("f10");
  await sweep.untilStep("main");
  copy.change(BENCHMARK_RUN, WRAP_UP, `  (row as unknown as { wrapUp(): void }).wrapUp();\n${WRAP_UP}`);
  await replaceWorker();
  await expectAlarm(sweep, /TypeError: row\.wrapUp is not a function/);
  expect(removals()).toEqual([]);
  await mendAndEnd(sweep);
});

test("F11: workflows that do not fit a run's history raise an alarm and touch nothing; the replay gate is red", async () => {
  const sweep = await chaos.startSweep("f11");
  await sweep.untilStep("main");
  const step = "    await lease.take(";
  copy.change(
    BENCHMARK_RUN,
    step,
    `    await phaseActivities(run, "provision", startedMs).findNodes({ run });\n${step}`,
  );
  await replaceWorker();
  await expectAlarm(sweep, /[Nn]ondeterminism/);
  expect(removals()).toEqual([]);
  const workflowBundle = await bundleWorkflowCode({ workflowsPath: join(copy.path, "workflows", "index.ts") });
  const histories = (await readHistories()).filter(({ name }) => name.endsWith("/benchmark-run"));
  const recorded = histories.map(({ name, history }) => ({ workflowId: name, history }));
  expect(await replay(workflowBundle, recorded)).toEqual([expect.stringMatching(/[Nn]ondeterminism/)]);
  await mendAndEnd(sweep);
});
