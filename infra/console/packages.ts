/** Debian packages that the set-up needs. */

import { UnavailableError } from "#model/errors";
import { findProgram } from "#infra/console/commands";
import type { Consent } from "#infra/console/consent";
import { authoriseRootCommands, type RootCommand, runAsRoot } from "#infra/console/root";
import type { Steps } from "#infra/console/steps";

/** An automatic update may hold the lock for minutes on a machine that was just started. */
const APT = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=600"] as const;

export function installCommands(packages: readonly string[]): RootCommand[] {
  return [
    [...APT, "update"],
    [...APT, "install", "--yes", "--no-install-recommends", ...packages],
  ];
}

/**
 * @param more - Root commands that belong to it and are announced together with it.
 * @throws {UnavailableError} No apt here, not allowed, or the answer is no.
 */
export async function installPackages(
  steps: Steps,
  consent: Consent,
  why: string,
  packages: readonly string[],
  more: readonly RootCommand[] = [],
): Promise<void> {
  if (!findProgram("apt-get")) {
    throw new UnavailableError(
      `${why} This system has no apt-get`,
      `install ${packages.join(" and ")} by its own means`,
    );
  }
  const [update, ...commands] = [...installCommands(packages), ...more] as [RootCommand, ...RootCommand[]];
  await authoriseRootCommands(steps, consent, why, [update, ...commands]);
  await steps.run(`Installing ${packages.join(", ")}`, async (step) => {
    // One foreign package source that is out of order fails it, and need not concern us.
    await runAsRoot(update, step).catch((error: unknown) => steps.note(String(error)));
    for (const command of commands) await runAsRoot(command, step);
  });
}
