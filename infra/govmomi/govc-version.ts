/** Which govc a program is, and whether the worker can use it. */

import { CommandError, runCommand } from "#infra/console/commands";

/** See govc-wrapper/README.md for what older ones lack. */
const OLDEST_GOVC = "0.46";
const LIMIT_SEC = 10;

/** @returns Such as `0.56.0`; `undefined` where it is no govc. */
export async function readGovcVersion(program: string): Promise<string | undefined> {
  try {
    const said = await runCommand(program, ["version"], { limitSec: LIMIT_SEC });
    return /^govc v?(\d+\.\d+\S*)$/m.exec(said)?.[1];
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

/** @returns What is wrong with it, behind its path; `undefined` where it will do. */
export function problemOfGovc(version: string | undefined): string | undefined {
  if (version === undefined) return "does not say its version";
  const isOlder = version.localeCompare(OLDEST_GOVC, "en", { numeric: true }) < 0;
  return isOlder ? `is ${version}, and ${OLDEST_GOVC} is needed` : undefined;
}
