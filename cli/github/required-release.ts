/** A workflow file that another repository calls at a commit is followed by that release of Meshbench, or by none. */

import { UnavailableError } from "#model/errors";
import { readSourceSha } from "#worker/source-sha";

/**
 * @param release - What the workflow asks for; "" where it is this repository's own.
 * @param installed - What this command belongs to, and with it the worker of this host.
 * @throws {UnavailableError} Where they differ.
 */
export function requireRelease(release: string, installed: string): void {
  if (release === "" || release === installed) return;
  throw new UnavailableError(
    `the workflow asks for release ${release} of Meshbench, this host has ${installed || "one of no known commit"}`,
    "install that release here, or have the workflow ask for what is installed",
  );
}

export const requireReleaseOfJob = async (): Promise<void> =>
  requireRelease(process.env["MESHBENCH_RELEASE"] ?? "", await readSourceSha());
