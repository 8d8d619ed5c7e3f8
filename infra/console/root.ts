/** Commands that only root may run: as they are for root, by sudo for others, never without having said so. */

import { spawnSync } from "node:child_process";
import { UnavailableError } from "#model/errors";
import { findProgram, runCommand, showCommand } from "#infra/console/commands";
import { announceCommands, type Consent } from "#infra/console/consent";
import type { Step, Steps } from "#infra/console/steps";

export type RootCommand = readonly [program: string, ...args: string[]];

export const isRoot = () => process.getuid?.() === 0;

/** As a user of this machine would type it. */
export function showRootCommand([program, ...args]: RootCommand): string {
  return isRoot() ? showCommand(program, args) : showCommand("sudo", [program, ...args]);
}

/**
 * Announces the commands, asks where there is somebody to ask, and gets sudo's password, if it wants one.
 * @throws {UnavailableError} No root and no sudo, or the answer is no.
 */
export async function authoriseRootCommands(
  steps: Steps,
  consent: Consent,
  why: string,
  commands: readonly RootCommand[],
): Promise<void> {
  const shown = commands.map(showRootCommand);
  await announceCommands(steps, consent, why, shown);
  if (isRoot()) return;
  const sudo = findProgram("sudo");
  const mayPrompt = process.stdin.isTTY ? [] : ["--non-interactive"];
  const status = sudo && spawnSync(sudo, [...mayPrompt, "--validate"], { stdio: "inherit" }).status;
  if (status === 0) return;
  const plain = commands.map(([program, ...args]) => showCommand(program, args));
  throw new UnavailableError(
    `${why} Only root can mend that, and sudo does not let us`,
    `as root: ${plain.join(" && ")}`,
  );
}

/** @throws {CommandError} */
export async function runAsRoot([program, ...args]: RootCommand, step?: Step): Promise<void> {
  const [file, argv] = isRoot() ? [program, args] : ["sudo", ["--non-interactive", program, ...args]];
  await runCommand(file, argv, step ? { step } : {});
}
