/** A hook for tests: the worker dies as if by `kill -9`, right before or after the work of a step. */

import type { Step } from "#model/run";

/** Honours `CRASH_AT=<step>:<before|after>`, with `MESHBENCH_TEST=1` only. */
export function crashPoint(
  step: Step,
  moment: "before" | "after",
  env: NodeJS.ProcessEnv = process.env,
  crash: () => void = () => process.kill(process.pid, "SIGKILL"),
): void {
  if (env["MESHBENCH_TEST"] === "1" && env["CRASH_AT"] === `${step}:${moment}`) crash();
}
