/** F01 and F02: the worker kills itself right before or after the work of a step. */

import { expect } from "vitest";
import { isAlive, identifyProcess } from "#activities/process-identity";
import type { Step } from "#model/run";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import { until } from "#test/support/installation-harness";

/** After a worker's SIGKILL its step is taken up again within this. */
export const WORKER_RECOVERY_SEC = 20;

/** The run ends VALID as if nothing had been, and the step was taken up by the next worker in time. */
export async function expectCrashSurvived(step: Step, moment: "before" | "after"): Promise<void> {
  await using chaos = await ChaosHarness.up({ env: { MESHBENCH_TEST: "1", CRASH_AT: `${step}:${moment}` } });
  const worker = identifyProcess(chaos.installation.service("worker").pid);
  if (worker === undefined) throw new Error("no worker to kill");
  const sweep = await chaos.startSweep("crash");
  await until("the worker has died", 300, () => !isAlive(worker));
  const diedAtMs = Date.now();
  sweep.faultIsOver();

  const { rows } = await sweep.ended();
  expect(rows).toMatchObject([{ status: "VALID", reason: "", attempt: 1, consistent: true }]);
  const record = await sweep.step(step);
  expect(record).toMatchObject({ attempt: 2, workerPid: chaos.installation.service("worker").pid });
  const recoverySec = (record.startedAtMs - diedAtMs) / 1000;
  expect(recoverySec).toBeLessThan(WORKER_RECOVERY_SEC);
  process.stdout.write(`${step}:${moment}: taken up again after ${recoverySec.toFixed(1)} s\n`);
  expect(await chaos.violations()).toEqual([]);
}
