/** One node as a VM: a child of the template's disk, told by guestinfo what it is, and there once however often it is asked for. */

import { networkInterfaces } from "node:os";
import type { LimitFunction } from "p-limit";
import { formatVmConfig, toGuestinfo } from "#activities/image/vm-config";
import { cloneAddressOf, findUnlabelledClones } from "#activities/providers/esxi-clone";
import { ChangedMeanwhileError, isGovcError } from "#activities/providers/esxi-connection";
import type { EsxiConnection } from "#activities/providers/esxi-connection";
import { ADDRESS_KEY, toAnnotation, vmNameOf, vmsOfNode } from "#activities/providers/esxi-labels";
import type { DiskKind, Place } from "#activities/providers/esxi-place";
import { destroyVm } from "#activities/providers/esxi-removal";
import { isSimulatedVm, refuseUnnoticedSimulator } from "#activities/providers/esxi-simulator";
import type { ReadyTemplate } from "#activities/providers/esxi-template";
import { labelsOf } from "#activities/providers/labels";
import type { NodeSpec } from "#activities/providers/provider";
import type { Govc, VmInfo } from "#govc-wrapper";
import { BenchError } from "#model/errors";
import { NODE_ENV, VM_CONFIG, VM_ENV } from "#model/node-protocol";
import type { RunSpec } from "#model/run";

/** As the appliance has it. */
const GUEST_ID = "other3xLinux64Guest";
/** Of ESXi 6.5, the oldest that is served. */
const HARDWARE_VERSION = "vmx-13";
const COPY_FILE = "copy.vmdk";
/** What DNS takes as one label. */
const HOSTNAME_MOST = 63;

export interface WantedVm {
  readonly run: RunSpec;
  readonly node: NodeSpec;
  readonly place: Place;
  readonly template: ReadyTemplate;
  readonly isVcenter: boolean;
  readonly disks: DiskKind;
  readonly now: () => Date;
  /** Bounds what a host is asked to change at once. */
  readonly slots: LimitFunction;
}

/** The name of its own, so that a DHCP server may tell DNS of it; the end of it tells nodes of a run apart. */
export const hostnameOf = (vmName: string): string => vmName.slice(-HOSTNAME_MOST).replace(/^-+/, "");

/**
 * The node's VM, switched on: the existing one, in whatever state it is, or a new one. One that was up once is never
 * started again, since a main loop is never continued.
 * @returns Also when it was switched on by this call, of `performance.now()`.
 * @throws {BenchError} `name taken`, `capacity`, `esxi unavailable`, `esxi refused` …
 */
export async function ensureVm(
  connection: EsxiConnection,
  wanted: WantedVm,
  signal: AbortSignal,
): Promise<{ vm: VmInfo; startedMs: number | undefined }> {
  const { run, node } = wanted;
  return connection.converge(signal, async (govc) => {
    for (;;) {
      const vms = await connection.listVms();
      const [vm, ...doubles] = vmsOfNode(vms, { runId: run.runId, host: connection.hostId }, node.index);
      for (const double of doubles) await destroyVm(connection, double, wanted);
      if (vm === undefined) {
        const clone = await findOwnClone(govc, vms, wanted);
        if (!clone) refuseForeign(vms, wanted);
        await wanted.slots(() =>
          connection.make(signal, () => (clone ? finishClone(govc, clone, wanted) : createVm(govc, wanted))),
        );
        continue;
      }
      refuseUnnoticedSimulator(run, isSimulatedVm(vm));
      if (ADDRESS_KEY in vm.extraConfig || vm.powerState !== "poweredOff") return { vm, startedMs: undefined };
      if (wanted.disks === "full" && !wanted.isVcenter) {
        await wanted.slots(() => connection.make(signal, () => ensureOwnDisk(govc, vm, wanted)));
      }
      const startedMs = await wanted.slots(() => connection.make(signal, () => startVm(govc, vm, wanted)));
      return { vm, startedMs };
    }
  });
}

async function findOwnClone(
  govc: Govc,
  vms: readonly VmInfo[],
  { run, node, isVcenter }: WantedVm,
): Promise<VmInfo | undefined> {
  if (!isVcenter) return undefined;
  const name = vmNameOf(run.runId, node.index);
  return (await findUnlabelledClones(govc, vms, (one) => one === name))[0];
}

/** What a clone that was cut off still lacks. */
async function finishClone(govc: Govc, { ref }: VmInfo, wanted: WantedVm): Promise<void> {
  const { cpus, memoryMib } = wanted.run.point;
  await govc.vm.change(ref, { cpus, memoryMib, extraConfig: labelsOfNode(wanted) });
}

function refuseForeign(vms: readonly VmInfo[], { run, node }: WantedVm): void {
  const name = vmNameOf(run.runId, node.index);
  const foreign = vms.find((vm) => vm.name === name);
  if (foreign === undefined) return;
  throw new BenchError("name taken", `name ${name} is taken by a foreign VM, ${foreign.ref}`, { node: node.index });
}

async function createVm(govc: Govc, wanted: WantedVm): Promise<void> {
  const { run, node, place, template, isVcenter } = wanted;
  const { cpus, memoryMib } = run.point;
  const target = { datastore: place.datastore.ref, pool: place.pool, ...(place.folder && { folder: place.folder }) };
  const hardware = { cpus, memoryMib, network: place.network.ref };
  const identity = { name: vmNameOf(run.runId, node.index), annotation: toAnnotation(labelsOfNode(wanted)) };
  try {
    if (isVcenter) {
      const isLinked = wanted.disks === "linked";
      const snapshot = isLinked && template.snapshot && { snapshot: template.snapshot };
      const source = { ...snapshot, source: template.ref, isLinked, macAddress: cloneAddressOf(identity.name) };
      await govc.vm.clone({ ...target, ...hardware, ...identity, ...source });
      return;
    }
    const disk = { datastore: place.datastore.ref, path: diskOf(template), isLinked: true };
    await govc.vm.create({
      ...target,
      ...hardware,
      ...identity,
      guestId: GUEST_ID,
      hardwareVersion: HARDWARE_VERSION,
      firmware: "efi",
      networkAdapter: "vmxnet3",
      diskController: "pvscsi",
      // A copy is made once there is a VM, which has the labels, for it to be removed with.
      ...(wanted.disks === "linked" && { disk }),
    });
  } catch (error) {
    // Another worker was faster, or has it on already; if not, the name is somebody else's, which the next look tells.
    if (isGovcError(error, "already exists", "wrong state"))
      throw new ChangedMeanwhileError(error.message, { cause: error });
    throw error;
  }
}

function diskOf({ diskPath, name }: ReadyTemplate): string {
  if (diskPath === undefined) throw new Error(`nobody looked for the disk of template ${name}`);
  return diskPath;
}

/** A copy of the template's disk, in the VM's folder; what an attempt that was cut off left of one is replaced. */
async function ensureOwnDisk(govc: Govc, vm: VmInfo, { place, template }: WantedVm): Promise<void> {
  if ((await govc.device.disks(vm.ref)).length > 0) return;
  const folder = /^\[.+?\] (.+)\/[^/]*$/.exec(vm.vmxPath ?? "")?.[1];
  if (folder === undefined) throw new ChangedMeanwhileError(`VM ${vm.name} has no folder`);
  const datastore = place.datastore.ref;
  const copy = { datastore, path: `${folder}/${COPY_FILE}` };
  if ((await govc.datastore.ls({ datastore, path: folder })).includes(COPY_FILE)) await govc.datastore.rm(copy);
  await govc.datastore.cp({ datastore, path: diskOf(template) }, copy);
  await govc.device.attach(vm.ref, copy);
}

/**
 * Told again what it is each time it is started: its deadline is counted from there.
 * @returns When it was asked to start, of `performance.now()`.
 */
async function startVm(govc: Govc, vm: VmInfo, wanted: WantedVm): Promise<number> {
  const extraConfig = { ...labelsOfNode(wanted), [VM_CONFIG.guestinfoKey]: toGuestinfo(configOf(wanted)) };
  await govc.vm.change(vm.ref, { extraConfig });
  const startedMs = performance.now();
  try {
    await govc.vm.power(vm.ref, "on");
  } catch (error) {
    // Another worker did, or an earlier attempt whose answer was lost.
    if (!isGovcError(error, "wrong state") || (await govc.vm.info(vm.ref)).powerState === "poweredOff") throw error;
  }
  return startedMs;
}

const labelsOfNode = ({ run, node: { index: nodeIndex, deadlineAt } }: WantedVm) =>
  labelsOf({ runId: run.runId, host: run.environment.host, deadlineAt, nodeIndex });

function configOf({ run, node, now }: WantedVm): string {
  const { runId, environment, point } = run;
  const { index, workerVerifier, sizing, deadlineAt } = node;
  return formatVmConfig({
    [NODE_ENV.runId]: runId,
    [NODE_ENV.nodeIndex]: index,
    [NODE_ENV.deadlineSec]: Math.max(1, Math.ceil((Date.parse(deadlineAt) - now().getTime()) / 1000)),
    [NODE_ENV.workerVerifier]: workerVerifier,
    [NODE_ENV.bufferPoolMib]: sizing.bufferPoolMib,
    [NODE_ENV.redoLogMib]: sizing.redoLogMib,
    [NODE_ENV.heapTableMib]: sizing.heapTableMib,
    [NODE_ENV.reverseLookups]: point.resolve === "reverse" ? 1 : undefined,
    [VM_ENV.hostname]: hostnameOf(vmNameOf(runId, index)),
    [VM_ENV.ramDiskMib]: environment.ramDiskMib ?? sizing.ramDiskMib,
    // What look-ups cost is to be paid between nodes: the worker has a time limit, and asks again and again.
    [VM_ENV.hosts]: point.resolve === "reverse" ? namesOfWorker() : undefined,
    [VM_ENV.dns]: environment.dns?.join(","),
  });
}

/** Each address that a connection of this machine may come from. A name of its own: the database looks that up, too. */
const namesOfWorker = (): string =>
  Object.values(networkInterfaces())
    .flatMap((addresses = []) => addresses)
    .filter(({ family, internal }) => family === "IPv4" && !internal)
    .map(({ address }, position) => `${address}=worker-${position + 1}`)
    .join(",");
