/** A step of a job, started and cancelled as GitHub's runner does it. */

import { setTimeout as delay } from "node:timers/promises";
import { startMeshbench, type CommandResult, type RunningCommand } from "#test/support/meshbench-command";

/** As the runner words a `run:` with `exec meshbench …`. */
const SHELL = ["bash", "-e", "-c", 'exec "$0" "$@"'];
const TO_SIGTERM_MS = 7500;
const TO_KILL_MS = 2500;

export const startStep = (args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): RunningCommand =>
  startMeshbench(args, env, ["env", "--chdir", cwd, ...SHELL]);

/** SIGINT, 7.5 s, SIGTERM, 2.5 s, SIGKILL: to the shell's process alone. What has ended is left alone. */
export async function cancelStep(step: RunningCommand): Promise<CommandResult> {
  step.kill("SIGINT");
  await Promise.race([step.finished, delay(TO_SIGTERM_MS)]);
  step.kill("SIGTERM");
  await Promise.race([step.finished, delay(TO_KILL_MS)]);
  step.kill("SIGKILL");
  return step.finished;
}
