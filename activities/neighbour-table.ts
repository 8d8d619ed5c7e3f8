/**
 * The kernel's table of IPv4 neighbours. One table serves all containers of a machine, so that a full mesh of N nodes fills
 * N·(N−1) places of it; with Linux's default of 1 024, 32 nodes fit and 33 do not. Above it, packets are dropped while
 * places are sought, and connections time out.
 * @see https://docs.kernel.org/networking/ip-sysctl.html `neigh/default/gc_thresh3`
 */

import { readFile } from "node:fs/promises";
import { ignoring } from "#activities/ignoring";

/** @returns How many places this machine's table has; `undefined` where the kernel does not tell. */
export async function readNeighbourLimit(): Promise<number | undefined> {
  // In a network namespace of one's own the file is not there.
  const text = await ignoring("ENOENT", readFile("/proc/sys/net/ipv4/neigh/default/gc_thresh3", "utf8"));
  return text === undefined ? undefined : Number(text);
}

/** The largest N with N·(N−1) ≤ `neighbourLimit`. */
export const largestMesh = (neighbourLimit: number): number => Math.floor((1 + Math.sqrt(1 + 4 * neighbourLimit)) / 2);
