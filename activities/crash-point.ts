/** A hook for tests: the worker dies as if by `kill -9`, right before or after the work of a step. */

import type { Step } from "#model/run";

export interface CrashPoint {
  readonly step: Step;
  readonly moment: "before" | "after";
  /** Of the step, from 1. */
  readonly attempt: number;
}

/**
 * Honours `CRASH_AT=<step>:<before|after>`, with `MESHBENCH_TEST=1` only. A step's first attempt alone: a supervisor starts
 * the worker again with the same environment.
 */
export function crashPoint(
  { step, moment, attempt }: CrashPoint,
  env: NodeJS.ProcessEnv = process.env,
  crash: () => void = () => process.kill(process.pid, "SIGKILL"),
): void {
  if (env["MESHBENCH_TEST"] === "1" && env["CRASH_AT"] === `${step}:${moment}` && attempt === 1) crash();
}
