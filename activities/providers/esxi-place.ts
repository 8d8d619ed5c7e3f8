/** Where VMs go on a host: what the operator named, found by exact name. */

import type { DatastoreInfo, FolderRef, Govc, Named, NetworkRef, PoolRef, Ref } from "#govc-wrapper";
import { BenchError } from "#model/errors";

/** `linked`: children of the template's disk, made in a moment; `full`: copies of it. */
export type DiskKind = "linked" | "full";

/** Names, as in hosts.yaml. */
export interface PlaceNames {
  readonly datastore: string;
  readonly network: string;
  readonly resourcePool?: string | undefined;
  readonly folder?: string | undefined;
}

export interface Place {
  readonly datastore: DatastoreInfo;
  readonly network: Named<NetworkRef>;
  readonly pool: PoolRef;
  /** The host or the cluster that the pool is a part of. */
  readonly computeResource: Ref | undefined;
  readonly folder?: FolderRef;
}

/** The pool at the top of a host or cluster. */
const ROOT_POOL = "Resources";

/** @throws {BenchError} `esxi refused` where a name is missing or not the only one. */
export async function findPlace(govc: Govc, names: PlaceNames, host: string): Promise<Place> {
  const [datastores, networks, pools, folders] = await Promise.all([
    govc.datastore.list(),
    govc.inventory.networks(),
    govc.inventory.pools(),
    names.folder === undefined ? [] : govc.inventory.folders(),
  ]);
  const datastore = theOne(datastores, { name: names.datastore, what: "datastore", host });
  if (!datastore.isAccessible) {
    throw new BenchError("esxi refused", `datastore ${datastore.name} is not accessible`, { host });
  }
  const folder = names.folder && theOne(folders, { name: names.folder, what: "folder", host }).ref;
  const pool = theOne(pools, { name: names.resourcePool ?? ROOT_POOL, what: "resource_pool", host });
  return {
    datastore,
    network: theOne(networks, { name: names.network, what: "network", host }),
    pool: pool.ref,
    computeResource: ownerOf(pool, pools),
    ...(folder && { folder }),
  };
}

/** Pools are in pools. */
function ownerOf({ parent }: Named, pools: readonly Named[]): Ref | undefined {
  const above = pools.find(({ ref }) => ref === parent);
  return above ? ownerOf(above, pools) : parent;
}

function theOne<T extends { readonly ref: Ref; readonly name: string }>(
  all: readonly T[],
  { name, what, host }: { name: string; what: string; host: string },
): T {
  const [found, ...others] = all.filter((one) => one.name === name);
  if (found && others.length === 0) return found;
  const known = [...new Set(all.map((one) => one.name))].slice(0, 10).join(", ");
  const problem = found
    ? `${others.length + 1} of that name are there: name another one, or the datacenter`
    : `is not there; there are: ${known}`;
  throw new BenchError("esxi refused", `${what} ${JSON.stringify(name)}: ${problem}`, { host });
}
