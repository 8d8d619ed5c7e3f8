/** Whether a run's VMs have room where they go: a host that swaps measures its swapping. */

import type { EsxiConnection } from "#activities/providers/esxi-connection";
import { labelsOfVm } from "#activities/providers/esxi-labels";
import type { Place } from "#activities/providers/esxi-place";
import { belongsToRun } from "#activities/providers/labels";
import type { HostInfo } from "#govc-wrapper";
import { BenchError } from "#model/errors";
import type { RunSpec } from "#model/run";

const MIB = 1024 ** 2;

/** @throws {BenchError} `capacity` where memory or, for the files that it may be swapped to, the datastore is too small. */
export async function requireRoom(
  connection: EsxiConnection,
  { runId, point }: RunSpec,
  place: Place,
  signal: AbortSignal,
): Promise<void> {
  const host = connection.hostId;
  const [hosts, datastores, vms] = await connection.converge(signal, (govc) =>
    Promise.all([govc.inventory.hosts(), govc.datastore.list(), connection.listVms()]),
  );
  // Those that are on already, as when this step is repeated, have theirs.
  const running = vms.filter(
    (vm) => vm.powerState === "poweredOn" && belongsToRun(labelsOfVm(vm), { runId, host }),
  ).length;
  const neededMib = (point.nodes - running) * point.memoryMib;
  const freeMib = hosts.filter((one) => canHold(one, place)).reduce((sum, one) => sum + freeMibOf(one), 0);
  const freeOnDiskMib = Math.floor((datastores.find(({ ref }) => ref === place.datastore.ref)?.freeBytes ?? 0) / MIB);
  for (const [where, mib] of [
    ["host", freeMib],
    [`datastore ${place.datastore.name}`, freeOnDiskMib],
  ] as const) {
    if (neededMib <= mib) continue;
    throw new BenchError("capacity", `the nodes need ${neededMib} MiB together, the ${where} has ${mib} MiB free`, {
      host,
    });
  }
}

const canHold = ({ parent, isInMaintenance }: HostInfo, { computeResource }: Place): boolean =>
  parent === computeResource && !isInMaintenance;

const freeMibOf = ({ memoryMib, memoryUsedMib }: HostInfo): number => Math.max(0, memoryMib - memoryUsedMib);
