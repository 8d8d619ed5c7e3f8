/** Asking before the machine is changed. */

import { createInterface } from "node:readline/promises";
import { UnavailableError } from "#model/errors";
import type { Steps } from "#infra/console/steps";

export interface Consent {
  /** `--yes`: the answer is given already. */
  readonly isGiven: boolean;
}

/**
 * Says exactly what will be run. On a terminal it asks and waits; elsewhere, or with `--yes`, it goes on.
 * @param commands - As a user could type them.
 * @throws {UnavailableError} The answer is no.
 */
export async function announceCommands(
  steps: Steps,
  { isGiven }: Consent,
  why: string,
  commands: readonly string[],
): Promise<void> {
  steps.note(`${why} This runs:`);
  for (const command of commands) steps.note(`    ${command}`);
  const canAnswer = process.stdin.isTTY && process.stderr.isTTY && !process.env["CI"];
  if (isGiven || !canAnswer) return;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question("Go on? [Y/n] ").finally(() => terminal.close());
  if (/^n/i.test(answer.trim()))
    throw new UnavailableError("Not installed", `run it yourself: ${commands.join(" && ")}`);
}
