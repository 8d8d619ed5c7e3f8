/** Everything of one run on a host: found by its labels, and gone afterwards, with disks and folders. */

import { setTimeout as sleep } from "node:timers/promises";
import type { LimitFunction } from "p-limit";
import { findUnlabelledClones } from "#activities/providers/esxi-clone";
import { ChangedMeanwhileError, isGovcError } from "#activities/providers/esxi-connection";
import type { EsxiConnection } from "#activities/providers/esxi-connection";
import { labelsOfVm } from "#activities/providers/esxi-labels";
import { belongsToRun } from "#activities/providers/labels";
import type { Govc, VmInfo, VmRef } from "#govc-wrapper";
import { BenchError } from "#model/errors";

/** Removals that are under way when they are asked for again take a moment. */
const ROUNDS = 6;
const FIRST_PAUSE_MS = 100;

interface Api {
  readonly isVcenter: boolean;
}

/**
 * Looks again until nothing of the run is left on this host.
 * @returns How many VMs there were.
 * @throws {BenchError} `esxi unavailable` when something stays.
 */
export async function removeRun(
  connection: EsxiConnection,
  { runId, slots, ...api }: { runId: string; slots: LimitFunction } & Api,
): Promise<number> {
  const removed = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    if (round > 1) await sleep(FIRST_PAUSE_MS * 2 ** round);
    const left = await connection.converge(undefined, (govc) => findVms(connection, govc, { runId, ...api }));
    if (left.length === 0) return removed.size;
    for (const { ref } of left) removed.add(ref);
    const removals = left.map((vm) => slots(() => destroyVm(connection, vm, api)));
    // All of them are tried: one that cannot be removed does not keep the others.
    const failed = (await Promise.allSettled(removals)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }
  const { hostId: host } = connection;
  throw new BenchError("esxi unavailable", `VMs of run ${runId} could not be removed`, { host });
}

async function findVms(
  connection: EsxiConnection,
  govc: Govc,
  { runId, isVcenter }: { runId: string } & Api,
): Promise<VmInfo[]> {
  const vms = await connection.listVms();
  const labelled = vms.filter((vm) => belongsToRun(labelsOfVm(vm), { runId, host: connection.hostId }));
  if (!isVcenter) return labelled;
  const isNodeName = (name: string) => name.startsWith(`${runId}-n`) && /^\d+$/.test(name.slice(`${runId}-n`.length));
  return [...labelled, ...(await findUnlabelledClones(govc, vms, isNodeName))];
}

/** One VM, as it was just seen, with what is its own of its disks; one that is gone already is fine. */
export async function destroyVm(connection: EsxiConnection, seen: VmInfo, api: Api): Promise<void> {
  const { ref } = seen;
  let lastSeen: VmInfo | undefined = seen;
  await connection.converge(undefined, async (govc) => {
    try {
      const vm = lastSeen ?? (await govc.vm.info(ref));
      lastSeen = undefined;
      if (vm.powerState !== "poweredOff") await govc.vm.power(ref, "off");
      // A vCenter knows which disk is whose.
      if (!api.isVcenter) await removeOwnDisks(connection, govc, vm);
      await govc.vm.destroy(ref);
    } catch (error) {
      if (isGovcError(error, "not found") && !(await exists(govc, ref))) return;
      // It is no longer in the state that it was in when we looked.
      if (isGovcError(error, "wrong state", "not found")) {
        throw new ChangedMeanwhileError(error.message, { cause: error });
      }
      throw error;
    }
  });
}

async function exists(govc: Govc, ref: VmRef): Promise<boolean> {
  try {
    await govc.vm.info(ref);
    return true;
  } catch (error) {
    if (isGovcError(error, "not found")) return false;
    throw error;
  }
}

/**
 * A standalone host destroys with a VM all disks that it has, the parents of child disks too, and so the template's. So
 * the child disk is taken out first and its file deleted, and the VM, which has the labels, goes last.
 */
async function removeOwnDisks(connection: EsxiConnection, govc: Govc, vm: VmInfo): Promise<void> {
  const disks = await govc.device.disks(vm.ref);
  const children = disks.filter(({ parentFile }) => parentFile !== undefined);
  for (const { name } of children) await govc.device.remove(vm.ref, name, { keepFile: true });
  // A copy goes with its VM.
  if (disks.length > children.length) return;
  const files = children.length > 0 ? children.map(({ file }) => file) : await listDisksLeft(connection, govc, vm);
  for (const file of files) {
    const path = await connection.locate(file);
    if (path) await govc.datastore.rm(path);
  }
}

/** Of an earlier attempt that was cut off after it had taken the disk out. */
async function listDisksLeft(connection: EsxiConnection, govc: Govc, { vmxPath = "" }: VmInfo): Promise<string[]> {
  const folder = vmxPath.replace(/\/[^/]*$/, "");
  const location = await connection.locate(folder);
  if (location === undefined) return [];
  return (await govc.datastore.ls(location)).filter(isDisk).map((file) => `${folder}/${file}`);
}

/** A disk's descriptor, which its data goes with. */
const isDisk = (file: string): boolean =>
  file.endsWith(".vmdk") && !/-(?:flat|delta|sesparse|rdm|rdmp)\.vmdk$/.test(file);
