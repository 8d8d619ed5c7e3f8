/**
 * The kernel's table of IPv4 neighbours. One table serves all containers of a machine, so that a full mesh of N nodes fills
 * N·(N−1) places of it; with Linux's default of 1 024, 32 nodes fit and 33 do not. Above it, packets are dropped while
 * places are sought, and connections time out.
 * @see https://docs.kernel.org/networking/ip-sysctl.html `neigh/default/gc_thresh3`
 */

import { readFile } from "node:fs/promises";

/** @returns How many places this machine's table has; `undefined` where the kernel does not tell. */
export async function readNeighbourLimit(): Promise<number | undefined> {
  try {
    return Number(await readFile("/proc/sys/net/ipv4/neigh/default/gc_thresh3", "utf8"));
  } catch (error) {
    // In a network namespace of one's own the file is not there.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The largest N with N·(N−1) ≤ `neighbourLimit`. */
export const largestMesh = (neighbourLimit: number): number => Math.floor((1 + Math.sqrt(1 + 4 * neighbourLimit)) / 2);
