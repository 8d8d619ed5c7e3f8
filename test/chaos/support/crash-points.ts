/** F01 and F02: the worker kills itself right before or after the work of a step. */

import { identifyProcess, isAlive } from "#activities/process-identity";
import type { RunRow } from "#model/result-row";
import type { Step } from "#model/run";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import type { StepRecord } from "#test/chaos/support/workflow-histories";
import { until } from "#test/support/installation-harness";

/** Of a crash that cost nothing. */
export const AS_IF_NOTHING_HAD_BEEN = {
  rows: [{ status: "VALID", reason: "", attempt: 1, consistent: true }],
  record: { attempt: 2 },
  violations: [],
} as const;

/** A run whose worker dies there, in an installation of its own. */
export async function crashAt(
  step: Step,
  moment: "before" | "after",
): Promise<{ rows: readonly RunRow[]; record: StepRecord; recoverySec: number; violations: string[] }> {
  await using chaos = await ChaosHarness.up({ env: { MESHBENCH_TEST: "1", CRASH_AT: `${step}:${moment}` } });
  const worker = identifyProcess(chaos.installation.service("worker").pid);
  if (worker === undefined) throw new Error("no worker to kill");
  const sweep = await chaos.startSweep("crash");
  await until("the worker has died", 300, () => !isAlive(worker));
  const diedAtMs = Date.now();
  sweep.faultIsOver();

  const { rows } = await sweep.ended();
  const record = await sweep.step(step);
  const recoverySec = (record.startedAtMs - diedAtMs) / 1000;
  process.stdout.write(`${step}:${moment}: taken up again after ${recoverySec.toFixed(1)} s\n`);
  return { rows, record, recoverySec, violations: await chaos.violations() };
}
