import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { defaultPayloadConverter } from "@temporalio/common";
import { identifyProcess, isAlive } from "#activities/process-identity";
import type { ProcessIdentity } from "#activities/process-identity";
import { LABEL, runWorkflowId } from "#model/ids";
import type { StepProgress } from "#model/run";
import { until } from "#test/support/installation-harness";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import { WORKER_RECOVERY_SEC } from "#test/chaos/support/recovery";

/** What the worker's shutdown may take, by its own settings, and a second to notice. */
const GRACE_SEC = 22;
const OUT_OF_MEMORY_ABORT = "SIGABRT";

let chaos: ChaosHarness;
beforeAll(async () => {
  chaos = await ChaosHarness.up();
});
afterAll(() => chaos[Symbol.asyncDispose]());

/** Of the step under way, as it lies on the server. */
async function savedProgress(runId: string): Promise<StepProgress[]> {
  const { raw } = await chaos.installation.withClient((client) =>
    client.workflow.getHandle(runWorkflowId(runId)).describe(),
  );
  return (raw.pendingActivities ?? []).flatMap(({ heartbeatDetails }) =>
    (heartbeatDetails?.payloads ?? []).map((payload) => defaultPayloadConverter.fromPayload<StepProgress>(payload)),
  );
}

/** Tells it to stop, and looks at what it left on the server before the next one is there. */
async function stopWorker(runId: string): Promise<{ saved: StepProgress[]; endedAtMs: number }> {
  const worker = identifyProcess(chaos.installation.service("worker").pid) as ProcessIdentity;
  let saved: StepProgress[] = [];
  const toldAtMs = Date.now();
  let endedAtMs = 0;
  await chaos.installation.killService(
    "worker",
    async () => {
      await until("the worker has ended", GRACE_SEC, () => !isAlive(worker));
      endedAtMs = Date.now();
      process.stdout.write(`the worker ended ${((endedAtMs - toldAtMs) / 1000).toFixed(1)} s after it was told\n`);
      saved = await savedProgress(runId);
    },
    "SIGTERM",
  );
  return { saved, endedAtMs };
}

const untilNodeCreated = (runId: string) =>
  chaos.events.until(
    "a node is created",
    120,
    ({ action, attributes }) =>
      action === "create" && attributes[LABEL.run] === runId && attributes[LABEL.node] !== undefined,
  );

test.for(["provision", "main"] as const)(
  "F04: a worker that is told to stop in %s ends in time, and the next one goes on from what it saved",
  async (step) => {
    // The main loop is longer than the grace.
    const sweep = await chaos.startSweep("f04", { durationSec: 12 });
    await sweep.untilStep(step);
    await untilNodeCreated(sweep.runId);
    const { saved, endedAtMs } = await stopWorker(sweep.runId);
    expect(saved).toMatchObject([{ step }]);
    sweep.faultIsOver();

    const { rows } = await sweep.ended();
    expect(rows).toMatchObject([{ status: "VALID", attempt: 1 }]);
    const record = await sweep.step(step);
    expect(record).toMatchObject({ attempt: 2, workerPid: chaos.installation.service("worker").pid });
    expect((record.startedAtMs - endedAtMs) / 1000).toBeLessThan(WORKER_RECOVERY_SEC);
    expect(await chaos.violations()).toEqual([]);
  },
);

test("F04: a worker that is told to stop in teardown ends in time, and leaves nothing to the next one", async () => {
  const sweep = await chaos.startSweep("f04-teardown");
  await sweep.untilStep("teardown");
  const { restarts } = chaos.installation.service("worker");
  await stopWorker(sweep.runId);
  sweep.faultIsOver();
  const { rows } = await sweep.ended();
  expect(rows).toMatchObject([{ status: "VALID", attempt: 1 }]);
  expect(chaos.installation.service("worker").restarts).toBe(restarts + 1);
  expect(await chaos.violations()).toEqual([]);
});

/** A worker of this installation with too little memory, as long as it lasts. */
async function starveWorker(): Promise<NodeJS.Signals | null> {
  const cli = join(import.meta.dirname, "..", "..", "cli", "main.ts");
  const { env } = chaos.installation;
  const worker = spawn(process.execPath, ["--max-old-space-size=64", cli, "worker"], { env, stdio: "ignore" });
  const [, signal] = (await once(worker, "exit")) as [number | null, NodeJS.Signals | null];
  return signal;
}

test("F14: workers that run out of memory and are started again do nothing twice", async () => {
  const sweep = await chaos.startSweep("f14");
  await sweep.untilStep("main");
  await chaos.installation.killService("worker", async () => {
    expect([await starveWorker(), await starveWorker()]).toEqual([OUT_OF_MEMORY_ABORT, OUT_OF_MEMORY_ABORT]);
    await sweep.command.says(/^no worker answers, retrying/m);
  });
  sweep.faultIsOver();
  const { rows } = await sweep.ended();
  expect(rows).toMatchObject([{ status: "VALID", attempt: 1 }]);
  expect(await chaos.violations()).toEqual([]);
});
