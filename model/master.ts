/** Who keeps the coordination table. */

import type { NodeHandle } from "#model/run";

/**
 * The master: the node with the numerically lowest IPv4 address, so `198.18.0.9` comes before `198.18.0.10`.
 * @returns Its index.
 * @throws {RangeError} If there are no nodes.
 */
export function masterIndexOf(nodes: readonly Pick<NodeHandle, "index" | "address">[]): number {
  const master = nodes.toSorted((a, b) => addressAsNumber(a.address) - addressAsNumber(b.address))[0];
  if (master === undefined) throw new RangeError("no nodes: nobody can be the master");
  return master.index;
}

const addressAsNumber = (address: string): number =>
  address.split(".").reduce((number, octet) => number * 256 + Number(octet), 0);
