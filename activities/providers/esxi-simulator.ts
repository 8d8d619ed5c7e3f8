/** Signs that no hypervisor is behind what looks like a host: govmomi's simulator, ours or anybody's. */

import type { About, HostInfo, VmInfo } from "#govc-wrapper";
import { BenchError } from "#model/errors";
import type { RunSpec } from "#model/run";

/** What it writes behind the names of its product and its hardware's maker. */
const TAG = /simulator|vcsim/i;
/** It says on what it was compiled for, in Go's words. Real ones are `vmnix-x86`, `linux-x64` … */
const GO_PLATFORM = /^(?:linux|darwin|windows|freebsd)-(?:amd64|arm64|386)$/;

interface Signs {
  readonly about: About;
  readonly hosts: readonly HostInfo[];
  readonly vms: readonly Pick<VmInfo, "extraConfig">[];
}

export function looksSimulated({ about, hosts, vms }: Signs): boolean {
  const isTagged = TAG.test(about.fullName) || hosts.some(({ vendor = "" }) => TAG.test(vendor));
  return isTagged || GO_PLATFORM.test(about.osType ?? "") || vms.some(isSimulatedVm);
}

/** Each VM that it makes has this, where a program that embeds it has taken all other signs away. */
export const isSimulatedVm = ({ extraConfig }: Pick<VmInfo, "extraConfig">): boolean => "govcsim" in extraConfig;

/**
 * Its first VM may be the first sign: no row of such a run may say that it was measured on a hypervisor.
 * @throws {BenchError} `esxi refused`
 */
export function refuseUnnoticedSimulator({ environment: { isolation, host } }: RunSpec, isSimulated: boolean): void {
  if (!isSimulated || isolation !== "esxi") return;
  const message = "this host is a simulator, which was not to be seen when the sweep was planned: plan it again";
  throw new BenchError("esxi refused", message, { host });
}
