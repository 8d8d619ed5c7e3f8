/** What the operator of this installation allows and has: commands ask it before anything is queued. */

import { DEFAULT_HOST, DEFAULT_LIMITS } from "#model/spec-schema";
import type { SpecLimits } from "#model/spec-schema";
import { readHostsFile } from "#worker/hosts-file";
import { locateInstallation } from "#worker/installation";
import type { Installation } from "#worker/installation";

/** What the operator allows; the defaults, and no knowledge of hosts, where nobody set this machine up. */
export function readLimits({ hostsFile }: Pick<Installation, "hostsFile"> = locateInstallation()): SpecLimits {
  const file = readHostsFile(hostsFile);
  return file ? { ...file.limits, hosts: Object.keys(file.hosts) } : DEFAULT_LIMITS;
}

/** The hosts that this installation knows. */
export const readHostIds = (installation: Installation = locateInstallation()): readonly string[] =>
  readLimits(installation).hosts ?? [DEFAULT_HOST];
