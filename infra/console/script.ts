/** How a set-up script ends: its exit code, and what went wrong in a line. */

import { CommanderError } from "commander";
import { EXIT, InputError, UnavailableError } from "#model/errors";
import { CommandError } from "#infra/console/commands";
import { needsDockerGroup, rerunInDockerGroup } from "#infra/engine/docker-group";

/**
 * Runs the script's work and sets the process's exit code. Only a bug shows a stack.
 * @param afterFailure - Called when it was said what went wrong.
 */
export async function runScript(work: () => Promise<number>, afterFailure?: () => void): Promise<void> {
  try {
    process.exitCode = await work();
  } catch (error) {
    if (needsDockerGroup(error)) {
      process.exitCode = rerunInDockerGroup();
      return;
    }
    process.exitCode = explain(error);
    afterFailure?.();
  }
}

function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const [exitCode, message] = classify(error);
  process.stderr.write(`${message}\n`);
  return exitCode;
}

function classify(error: unknown): [exitCode: number, message: string] {
  if (error instanceof InputError) return [EXIT.usage, error.message];
  if (error instanceof UnavailableError) return [EXIT.unavailable, `error: ${error.message}; ${error.hint}`];
  if (error instanceof CommandError) return [EXIT.error, `error: ${error.message}`];
  return [EXIT.error, error instanceof Error ? (error.stack ?? error.message) : String(error)];
}
