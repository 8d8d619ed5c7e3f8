/** Whether this machine has room for a run's VMs: what does not fit would be measured as slowness. */

import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { MACHINERY } from "#activities/providers/qemu-machine";
import type { Accelerator } from "#activities/providers/qemu-machine";
import { BenchError } from "#model/errors";
import type { RunSpec } from "#model/run";

/** More emulated machines on a processor do not even finish booting in time. */
const EMULATED_PER_CPU = 2;

export interface Room {
  readonly cpus: number;
  readonly memoryMib: number;
}

/** @throws {BenchError} `capacity` */
export async function requireRoom(run: RunSpec, accelerator: Accelerator, room?: Room): Promise<void> {
  const { cpus, memoryMib } = room ?? (await readRoom());
  const { nodes, memoryMib: nodeMib } = run.point;
  const { host } = run.environment;
  const neededMib = nodes * (nodeMib + MACHINERY.memoryMib);
  if (neededMib > memoryMib) {
    const each = `${nodeMib} MiB each and ${MACHINERY.memoryMib} MiB for the machine around it`;
    throw new BenchError("capacity", `${nodes} VMs need ${neededMib} MiB (${each}), ${memoryMib} MiB are free`, {
      host,
    });
  }
  if (accelerator === "tcg" && nodes > cpus * EMULATED_PER_CPU) {
    const most = `at most ${cpus * EMULATED_PER_CPU} VMs on its ${cpus} processors`;
    throw new BenchError("capacity", `without KVM this machine emulates ${most}, not ${nodes}`, { host });
  }
}

async function readRoom(): Promise<Room> {
  const kib = /^MemAvailable:\s+(\d+) kB$/m.exec(await readFile("/proc/meminfo", "utf8"))?.[1];
  return { cpus: availableParallelism(), memoryMib: Math.floor(Number(kib) / 1024) };
}
