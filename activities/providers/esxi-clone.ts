/**
 * Clones of ours that have no labels yet: a vCenter is told them in a second step, and between the two a worker may die or
 * its connection break. The one thing of our choice that a clone has from its first moment is its network address.
 */

import { createHash } from "node:crypto";
import { labelsOfVm } from "#activities/providers/esxi-labels";
import type { Govc, VmInfo } from "#govc-wrapper";
import { LABEL } from "#model/ids";

/** Of the block that VMware leaves to administrators. Another VM of the very same name has it one time in four million. */
export function cloneAddressOf(vmName: string): string {
  const [first = 0, second = 0, third = 0] = createHash("sha256").update(vmName).digest();
  const octets = [0x00, 0x50, 0x56, first & 0x3f, second, third];
  return octets.map((octet) => octet.toString(16).padStart(2, "0")).join(":");
}

/** @param isOurs - Whether a node can have this name; only VMs that do are looked into. */
export async function findUnlabelledClones(
  govc: Govc,
  vms: readonly VmInfo[],
  isOurs: (vmName: string) => boolean,
): Promise<VmInfo[]> {
  const candidates = vms.filter((vm) => isOurs(vm.name) && labelsOfVm(vm)[LABEL.run] === undefined);
  const addresses = await Promise.all(candidates.map(({ ref }) => govc.device.macAddresses(ref)));
  return candidates.filter(({ name }, i) => addresses[i]?.includes(cloneAddressOf(name)));
}
