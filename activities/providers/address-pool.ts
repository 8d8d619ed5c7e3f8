/** Where the networks of runs get their addresses: blocks of 198.18.0.0/15 (RFC 2544, for benchmarks). */

import { createHash } from "node:crypto";
import { addressIn, formatSubnet, overlaps, subnetsOf } from "#activities/providers/ipv4";
import type { Subnet } from "#activities/providers/ipv4";
import { BenchError } from "#model/errors";

const POOL: Subnet = { base: 0xc6_12_00_00, prefix: 15 };
/** A block also holds its own address, the broadcast address and the gateway. */
const RESERVED_ADDRESSES = 3;

/** The nodes' machine in that network: the worker's connections come from there. */
export const gatewayAddress = ({ subnet }: { readonly subnet: Subnet }): string => addressIn(subnet, 1);

/** Node 1 comes after the gateway, so that its address is the lowest of all nodes. */
export const nodeAddress = ({ subnet }: { readonly subnet: Subnet }, nodeIndex: number): string =>
  addressIn(subnet, nodeIndex + 1);

/** A /24, or as much larger as the nodes need. */
export function prefixFor(nodes: number): number {
  return Math.min(24, 32 - Math.ceil(Math.log2(nodes + RESERVED_ADDRESSES)));
}

/**
 * Blocks of the pool that nothing in `taken` touches, beginning at a place of the run's own, so that runs that start at
 * once on one machine rarely want the same one, and two workers with the same run always do.
 */
export function* freeSubnets(runId: string, prefix: number, taken: readonly Subnet[], pool = POOL): Generator<Subnet> {
  const start = createHash("sha256").update(runId).digest().readUInt32BE();
  for (const subnet of subnetsOf(pool, prefix, start)) {
    if (!taken.some((other) => overlaps(subnet, other))) yield subnet;
  }
}

interface WantedSubnet {
  readonly runId: string;
  readonly host: string;
  readonly nodes: number;
  /** Absent: all of 198.18.0.0/15. */
  readonly pool?: Subnet;
}

/**
 * @param taken - Blocks that somebody has, or that are routed elsewhere.
 * @param refused - First addresses of blocks that could not be had, though nothing we see occupies them.
 * @throws {BenchError} `address pool`
 */
export function chooseSubnet(
  { runId, nodes, host, pool = POOL }: WantedSubnet,
  taken: readonly Subnet[],
  refused: ReadonlySet<number> = new Set(),
): Subnet {
  const prefix = prefixFor(nodes);
  for (const subnet of freeSubnets(runId, prefix, taken, pool)) {
    if (!refused.has(subnet.base)) return subnet;
  }
  const inTheWay = taken.filter((other) => overlaps(other, pool)).length + refused.size;
  const message = `no /${prefix} is free in ${formatSubnet(pool)}: ${inTheWay} networks and routes are in the way`;
  throw new BenchError("address pool", message, { host });
}

/** Wider routes, such as the default one, give way to a network's own: they occupy nothing. */
export const poolRoutes = (routes: readonly Subnet[]): Subnet[] => routes.filter(({ prefix }) => prefix >= POOL.prefix);

/** Whether a block is a part of 198.18.0.0/15 that has room for a run. */
export const isPartOfPool = ({ base, prefix }: Subnet): boolean =>
  prefix >= POOL.prefix && prefix <= 24 && overlaps({ base, prefix }, POOL);
