/** What virtual machines need, where hosts.yaml offers them. */

import { isAbsolute } from "node:path";
import { vmDiskId, findVmDisk } from "#activities/image/vm-disk";
import type { VmDisk } from "#activities/image/vm-disk";
import { probeKvm } from "#activities/providers/qemu-accelerator";
import type { WantedAccelerator } from "#activities/providers/qemu-accelerator";
import { QEMU } from "#activities/providers/qemu-machine";
import { findProgram } from "#infra/console/commands";
import { installCommands } from "#infra/console/packages";
import { showRootCommand } from "#infra/console/root";
import { type Check, type Finding, missing, ok, warning } from "#infra/doctor/check";
import { problemOfGovc, readGovcVersion } from "#infra/govmomi/govc-version";
import { locateGovc } from "#worker/esxi-host";
import { readHostsFile } from "#worker/hosts-file";
import type { Installation } from "#worker/installation";

const PACKAGES = ["qemu-system-x86", "qemu-utils"];

export const vmChecks = (installation: Installation): Check[] => [
  { name: "virtual machines", look: () => lookAtMachines(installation) },
  { name: "govc", look: () => lookAtGovc(installation) },
];

async function lookAtGovc(installation: Installation): Promise<Finding> {
  const hosts = Object.values(readHostsFile(installation.hostsFile)?.hosts ?? {});
  if (hosts.every(({ esxi }) => esxi === undefined)) return ok("no host needs it");
  const located = locateGovc(installation);
  const program = isAbsolute(located) ? located : findProgram(located);
  return judgeGovc(program, program && (await readGovcVersion(program)));
}

/** @param version - As it says itself. */
export function judgeGovc(program: string | undefined, version: string | undefined): Finding {
  if (program === undefined) return missing("not there, and a host of hosts.yaml is an ESXi", "npx meshbench up");
  const problem = problemOfGovc(version);
  if (problem !== undefined) return missing(`${program} ${problem}`, "npx meshbench up");
  return ok(`${version} at ${program}`);
}

async function lookAtMachines({ hostsFile, cache }: Installation): Promise<Finding> {
  const hosts = Object.values(readHostsFile(hostsFile)?.hosts ?? {});
  const wanted = hosts.flatMap(({ qemu }) => qemu?.accel ?? []);
  if (wanted.length === 0) return ok("no host offers them");
  if (!findProgram(QEMU)) {
    return missing("QEMU is not installed", installCommands(PACKAGES).map(showRootCommand).join(" && "));
  }
  const id = await vmDiskId("qemu");
  const disk = await findVmDisk(cache, "qemu", id);
  if (!disk) return missing(`disk ${id.slice(0, 19)} is not built`, "npx meshbench image build --for qemu");
  return lookAtAccelerator(wanted, disk, probeKvm);
}

/** @param whyNoKvm - Boots a guest, which takes ten seconds where it does not work. */
export async function lookAtAccelerator(
  wanted: readonly WantedAccelerator[],
  disk: VmDisk,
  whyNoKvm: (disk: VmDisk) => Promise<string | undefined>,
): Promise<Finding> {
  const found = `disk ${disk.id.slice(0, 19)}, kernel ${disk.kernel}`;
  if (wanted.every((accel) => accel === "tcg")) return ok(`${found}; emulated, as hosts.yaml says`);
  const obstacle = await whyNoKvm(disk);
  if (obstacle === undefined) return ok(`${found}; KVM works`);
  const mend = "use a machine with KVM, as root; in a cloud, one with nested virtualisation";
  return wanted.includes("kvm")
    ? missing(`${found}; KVM does not work: ${obstacle}`, mend)
    : warning(`${found}; emulated, which is slow and says nothing about VMs: ${obstacle}`, mend);
}
