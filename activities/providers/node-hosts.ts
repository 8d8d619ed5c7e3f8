/** How a node finds its peers by their names, where no engine answers for them. */

import { gatewayAddress, nodeAddress } from "#activities/providers/address-pool";
import type { Subnet } from "#activities/providers/ipv4";
import { nodeHostname } from "#model/ids";
import type { RunSpec } from "#model/run";

export interface NameResolution {
  /** For /etc/hosts. */
  readonly hosts: readonly { readonly address: string; readonly name: string }[];
  readonly resolvers: readonly string[];
  /** Whether they are asked before /etc/hosts is looked at. */
  readonly resolversFirst: boolean;
}

/**
 * Peers' names are in every node's file of hosts. A run's own resolvers are asked before it; where they are silent, the
 * file answers, as Docker's resolver does for containers. Those of a database that looks its peers up know them or not.
 */
export function nameResolutionOf(
  { point, environment }: RunSpec,
  nodeIndex: number,
  network: { readonly subnet: Subnet },
): NameResolution {
  const { dns = [] } = environment;
  const hasOwn = dns.length > 0;
  const isReverse = point.resolve === "reverse";
  const all = Array.from({ length: point.nodes }, (_, position) => position + 1);
  return {
    hosts: [
      ...(hasOwn && isReverse ? [nodeIndex] : all).map((index) => ({
        address: nodeAddress(network, index),
        name: nodeHostname(index),
      })),
      // What lookups cost is to be paid between nodes: the worker has a time limit, and asks again and again.
      ...(isReverse ? [{ address: gatewayAddress(network), name: "worker" }] : []),
    ],
    resolvers: dns,
    resolversFirst: hasOwn && !isReverse,
  };
}
