/** Which names a node knows without asking anybody, where no engine answers for its peers. */

import { gatewayAddress, nodeAddress } from "#activities/providers/address-pool";
import type { Subnet } from "#activities/providers/ipv4";
import { nodeHostname } from "#model/ids";
import type { RunSpec } from "#model/run";

export interface KnownHost {
  readonly address: string;
  readonly name: string;
}

/** With resolvers of its own a node asks those for its peers. */
export function knownHosts(
  { point, environment }: RunSpec,
  nodeIndex: number,
  network: { readonly subnet: Subnet },
): KnownHost[] {
  const named = environment.dns ? [nodeIndex] : Array.from({ length: point.nodes }, (_, position) => position + 1);
  return [
    ...named.map((index) => ({ address: nodeAddress(network, index), name: nodeHostname(index) })),
    // What lookups cost is to be paid between nodes: the worker has a time limit, and asks again and again.
    ...(point.resolve === "reverse" ? [{ address: gatewayAddress(network), name: "worker" }] : []),
  ];
}
