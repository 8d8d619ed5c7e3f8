/** How objects are named to govc: by reference, never by a name it would take as a pattern. */

import { GovcError } from "./govc-error.ts";

/** vSphere's types of objects that calls here are about. */
export type ObjectType =
  | "VirtualMachine"
  | "Datastore"
  | "Network"
  | "DistributedVirtualPortgroup"
  | "OpaqueNetwork"
  | "ResourcePool"
  | "Folder"
  | "HostSystem"
  | "ComputeResource"
  | "ClusterComputeResource"
  | "Datacenter"
  | "VirtualApp";

/**
 * A managed object as govc writes it: `VirtualMachine:vm-12`. It means this object alone, whereas a name is a pattern to
 * govc: `vm.destroy 'x-[ab]'` removes `x-a`.
 */
export type Ref<Type extends ObjectType = ObjectType> = `${Type}:${string}`;

export type VmRef = Ref<"VirtualMachine">;
export type DatastoreRef = Ref<"Datastore">;
export type NetworkRef = Ref<"Network" | "DistributedVirtualPortgroup" | "OpaqueNetwork">;
export type PoolRef = Ref<"ResourcePool" | "VirtualApp">;
export type FolderRef = Ref<"Folder">;
export type HostRef = Ref<"HostSystem">;

/** Starts like a word, so that it is no option, and has nothing that govc, vSphere or a path gives a meaning to. */
const NEW_NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_. ()+-]{0,79}$/u;

/**
 * @param name - Of something to be made; what exists already is addressed by its reference.
 * @throws {GovcError} `usage`
 */
export function checkNewName(command: string, name: string): string {
  if (NEW_NAME.test(name)) return name;
  const rule = "1 to 80 letters, digits, blanks or _ . - + ( ), the first a letter, digit or _";
  throw new GovcError("usage", `name ${JSON.stringify(name)} is not ${rule}`, { command });
}

/** At least one folder's or file's name, none of them a pattern, `..` or an option. */
const DATASTORE_PATH = /^(?![-/])(?!.*(?:^|\/)\.\.?(?:\/|$))[^*?[\]\\\p{C}]{1,255}$/u;

/** @throws {GovcError} `usage` */
export function checkDatastorePath(command: string, path: string): string {
  if (DATASTORE_PATH.test(path)) return path;
  const rule = "a path below the datastore without patterns, . or ..";
  throw new GovcError("usage", `${JSON.stringify(path)} is not ${rule}`, { command });
}

/** @throws {GovcError} `usage` where it is not a reference to one of these types. */
export function checkRef(command: string, ref: string, ...types: readonly ObjectType[]): string {
  const [type, id] = splitRef(ref);
  if (id !== "" && types.some((allowed) => allowed === type)) return ref;
  throw new GovcError("usage", `${JSON.stringify(ref)} is no reference to a ${types.join(" or ")}`, { command });
}

/** @throws {GovcError} `usage` */
export const checkNetwork = (command: string, ref: string): string =>
  checkRef(command, ref, "Network", "DistributedVirtualPortgroup", "OpaqueNetwork");

function splitRef(ref: string): [type: string, id: string] {
  const colon = ref.indexOf(":");
  return [ref.slice(0, Math.max(colon, 0)), ref.slice(colon + 1)];
}

/** A name as the inventory shows it: vSphere writes `/`, `\` and `%` as their codes. */
export function decodeName(name: string): string {
  return name.replaceAll(/%(2f|5c|25)/gi, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));
}
