/** Virtual machines: what there is, and all that happens to one. */

import { z } from "zod";
import type { Caller, WriteCommand } from "./caller.ts";
import { collectAll, collectOne, refTo } from "./collect.ts";
import type { Properties } from "./collect.ts";
import { GovcError } from "./govc-error.ts";
import { listOf, maybe } from "./json.ts";
import type { CallOptions } from "./options.ts";
import { checkDatastorePath, checkNetwork, checkNewName, checkRef, decodeName } from "./references.ts";
import type { DatastoreRef, FolderRef, HostRef, NetworkRef, PoolRef, VmRef } from "./references.ts";

export type PowerState = "poweredOn" | "poweredOff" | "suspended";

/** A virtual machine as it is now. What the host does not tell, as of one it cannot read, is `undefined` or empty. */
export interface VmInfo {
  readonly ref: VmRef;
  readonly name: string;
  readonly uuid: string | undefined;
  readonly instanceUuid: string | undefined;
  readonly powerState: PowerState;
  readonly isTemplate: boolean;
  readonly cpus: number | undefined;
  readonly memoryMib: number | undefined;
  /** `[datastore] folder/name.vmx` */
  readonly vmxPath: string | undefined;
  readonly extraConfig: Readonly<Record<string, string>>;
  /** What people read about it. */
  readonly annotation: string;
  /** Names, from the root of the tree on; several may be equal. */
  readonly snapshots: readonly string[];
  /** What VMware Tools report: of all network cards, of both families. */
  readonly addresses: readonly string[];
  /** Such as `guestToolsRunning`. */
  readonly tools: string | undefined;
  readonly host: HostRef | undefined;
  readonly folder: FolderRef | undefined;
}

const POWER_STATE = z.enum(["poweredOn", "poweredOff", "suspended"]);
const OPTION = z.object({ key: z.string(), value: z.coerce.string() });
interface SnapshotTree {
  name: string;
  childSnapshotList: SnapshotTree[];
}
const SNAPSHOT: z.ZodType<SnapshotTree> = z.object({
  name: z.string(),
  get childSnapshotList() {
    return listOf(SNAPSHOT);
  },
});

const VM = z.object({
  ref: z.templateLiteral(["VirtualMachine:", z.string()]),
  name: z.string(),
  "config.uuid": maybe(z.string()),
  "config.instanceUuid": maybe(z.string()),
  "config.template": maybe(z.boolean()),
  "config.files.vmPathName": maybe(z.string()),
  "config.hardware.numCPU": maybe(z.number()),
  "config.hardware.memoryMB": maybe(z.number()),
  "config.extraConfig": listOf(OPTION),
  "config.annotation": maybe(z.string()),
  "runtime.powerState": POWER_STATE,
  "runtime.host": maybe(refTo<"HostSystem">()),
  parent: maybe(refTo<"Folder">()),
  snapshot: maybe(z.object({ rootSnapshotList: listOf(SNAPSHOT) })),
  "guest.net": listOf(z.object({ ipAddress: listOf(z.string()) })),
  "guest.ipAddress": maybe(z.string()),
  "guest.toolsRunningStatus": maybe(z.string()),
});
const VM_PROPERTIES = Object.keys(VM.shape).filter((path) => path !== "ref");

function toVmInfo(properties: Properties): VmInfo {
  const vm = parseProperties(VM, properties);
  const addresses = [vm["guest.ipAddress"] ?? [], ...vm["guest.net"].map(({ ipAddress }) => ipAddress)].flat();
  return {
    ref: vm.ref,
    name: decodeName(vm.name),
    uuid: vm["config.uuid"],
    instanceUuid: vm["config.instanceUuid"],
    powerState: vm["runtime.powerState"],
    isTemplate: vm["config.template"] ?? false,
    cpus: vm["config.hardware.numCPU"],
    memoryMib: vm["config.hardware.memoryMB"],
    vmxPath: vm["config.files.vmPathName"],
    extraConfig: Object.fromEntries(vm["config.extraConfig"].map(({ key, value }) => [key, value])),
    annotation: vm["config.annotation"] ?? "",
    snapshots: (vm.snapshot?.rootSnapshotList ?? []).flatMap(namesOf),
    addresses: [...new Set(addresses)],
    tools: vm["guest.toolsRunningStatus"],
    host: vm["runtime.host"],
    folder: vm.parent,
  };
}

function namesOf({ name, childSnapshotList }: SnapshotTree): string[] {
  return [decodeName(name), ...childSnapshotList.flatMap(namesOf)];
}

/** @throws {GovcError} `bad answer` */
export function parseProperties<Schema extends z.ZodType>(schema: Schema, properties: Properties): z.output<Schema> {
  const parsed = schema.safeParse(properties);
  if (parsed.success) return parsed.data;
  throw new GovcError("bad answer", z.prettifyError(parsed.error), { command: "object.collect" });
}

/** Where something new goes; what is left out, the host decides, or refuses where there are several. */
export interface Placement {
  readonly datastore: DatastoreRef;
  readonly pool?: PoolRef;
  readonly folder?: FolderRef;
  readonly host?: HostRef;
}

export interface NewVm extends Placement {
  readonly name: string;
  readonly cpus: number;
  readonly memoryMib: number;
  /** Such as `debian11_64Guest`. */
  readonly guestId: string;
  readonly network: NetworkRef;
  readonly networkAdapter?: "vmxnet3" | "e1000" | "e1000e";
  /** A virtual disk that exists. `isLinked`: a child disk of it, made in a moment; else the disk itself. */
  readonly disk?: { readonly datastore: DatastoreRef; readonly path: string; readonly isLinked: boolean };
  readonly diskController?: "pvscsi" | "scsi" | "ide" | "nvme" | "sata";
  readonly firmware?: "bios" | "efi";
  /** Such as `vmx-13`, or the release that brought it, such as `6.5`. */
  readonly hardwareVersion?: string;
  /** The one thing about a VM that can be said with its creation: extraConfig comes later. */
  readonly annotation?: string;
}

export interface VmClone extends Placement {
  readonly name: string;
  readonly source: VmRef;
  /** A snapshot's name. With it and `isLinked`, a child disk of that snapshot's is made instead of a copy. */
  readonly snapshot?: string;
  readonly isLinked: boolean;
  readonly network?: NetworkRef;
  /** Of the first network card; needs `network`. Of all that makes a clone one's own, only this comes with the clone itself. */
  readonly macAddress?: string;
  /** This, memory and annotation are a second step, which a call that is cut off may leave out. */
  readonly cpus?: number;
  readonly memoryMib?: number;
  /** See `NewVm`; the source's own by default. */
  readonly annotation?: string;
}

export interface VmChange {
  readonly cpus?: number;
  readonly memoryMib?: number;
  /** Added to what is there; an empty value removes the key. It is readable by all who may look at the VM: no secrets. */
  readonly extraConfig?: Readonly<Record<string, string>>;
}

/** `shutdown` asks the guest, and answers before it has happened. */
export type PowerOperation = "on" | "off" | "reset" | "suspend" | "shutdown";

const SHORT_FLAG: Readonly<Record<PowerOperation, string>> = {
  on: "on",
  off: "off",
  reset: "reset",
  suspend: "suspend",
  shutdown: "s",
};

/** A copy of whole disks; a child disk is made in a moment. */
const COPY_TIMEOUT_MS = 30 * 60_000;

export class VmCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** All that this account may see. */
  async list(call: CallOptions = {}): Promise<VmInfo[]> {
    return (await collectAll(this.#caller, "VirtualMachine", VM_PROPERTIES, call)).map(toVmInfo);
  }

  /**
   * The one of exactly this name; a name is never a pattern here.
   * @throws {GovcError} `ambiguous` where folders hide several of that name.
   */
  async find(name: string, call: CallOptions = {}): Promise<VmInfo | undefined> {
    const [vm, ...others] = (await this.list(call)).filter((candidate) => candidate.name === name);
    if (others.length === 0) return vm;
    throw new GovcError("ambiguous", `${others.length + 1} VMs have the name ${JSON.stringify(name)}`, {
      command: "vm.find",
    });
  }

  /** @throws {GovcError} `not found` */
  async info(vm: VmRef, call: CallOptions = {}): Promise<VmInfo> {
    const ref = checkRef("object.collect", vm, "VirtualMachine") as VmRef;
    return toVmInfo(await collectOne(this.#caller, ref, VM_PROPERTIES, call));
  }

  /** Leaves it powered off. @throws {GovcError} `already exists`; `no capacity`; `licence read-only` … */
  async create(vm: NewVm, call: CallOptions = {}): Promise<void> {
    const name = checkNewName("vm.create", vm.name);
    const flags = {
      ...placementFlags("vm.create", vm),
      on: false,
      c: vm.cpus,
      m: vm.memoryMib,
      g: vm.guestId,
      net: checkNetwork("vm.create", vm.network),
      "net.adapter": vm.networkAdapter,
      firmware: vm.firmware,
      version: vm.hardwareVersion,
      annotation: vm.annotation,
      ...(vm.disk && {
        disk: checkDatastorePath("vm.create", vm.disk.path),
        "disk-datastore": checkRef("vm.create", vm.disk.datastore, "Datastore"),
        link: vm.disk.isLinked,
      }),
      "disk.controller": vm.diskController,
    };
    await this.#write({ name: "vm.create", flags, operands: [name], isRepeatable: false }, call);
  }

  /** On a vCenter only; leaves it powered off. @throws {GovcError} `not supported` by a standalone ESXi. */
  async clone(clone: VmClone, call: CallOptions = {}): Promise<void> {
    const name = checkNewName("vm.clone", clone.name);
    const flags = {
      ...placementFlags("vm.clone", clone),
      vm: checkRef("vm.clone", clone.source, "VirtualMachine"),
      on: false,
      // Without it govc answers before tools report an address only where the VM is not switched on; said to be sure.
      waitip: false,
      snapshot: clone.snapshot,
      link: clone.isLinked,
      c: clone.cpus,
      m: clone.memoryMib,
      net: clone.network && checkNetwork("vm.clone", clone.network),
      "net.address": clone.macAddress,
      annotation: clone.annotation,
    };
    const command = { name: "vm.clone", flags, operands: [name], isRepeatable: false };
    await this.#write(command, { ...(!clone.isLinked && { timeoutMs: COPY_TIMEOUT_MS }), ...call });
  }

  async change(vm: VmRef, { cpus, memoryMib, extraConfig = {} }: VmChange, call: CallOptions = {}): Promise<void> {
    const command = "vm.change";
    for (const key of Object.keys(extraConfig)) {
      if (!/^[\w.:/-]+$/.test(key)) throw new GovcError("usage", `extraConfig has an odd key ${key}`, { command });
    }
    const flags = { vm: checkRef(command, vm, "VirtualMachine"), c: cpus, m: memoryMib };
    const lists = { e: Object.entries(extraConfig).map(([key, value]) => `${key}=${value}`) };
    await this.#write({ name: command, flags: { ...flags, ...lists }, isRepeatable: true }, call);
  }

  /** @throws {GovcError} `wrong state`, also where it is in the wanted one already: read it. */
  async power(vm: VmRef, operation: PowerOperation, call: CallOptions = {}): Promise<void> {
    const operands = [checkRef("vm.power", vm, "VirtualMachine")];
    const flags = { [SHORT_FLAG[operation]]: true };
    // A reset twice is two resets.
    await this.#write({ name: "vm.power", flags, operands, isRepeatable: operation !== "reset" }, call);
  }

  /**
   * The guest's own IPv4 address as VMware Tools report it, waited for; `undefined` when the time is over.
   * @param waitSec - At least 1.
   */
  async ip(vm: VmRef, { waitSec, ...call }: CallOptions & { readonly waitSec: number }): Promise<string | undefined> {
    const operands = [checkRef("vm.ip", vm, "VirtualMachine")];
    const flags = { v4: true, wait: `${waitSec}s` };
    const command = { name: "vm.ip", flags, operands };
    const text = await this.#caller.readText(command, { timeoutMs: (waitSec + 15) * 1000, ...call });
    // govc ends with code 0 and an empty line where it has waited in vain.
    return text.trim() || undefined;
  }

  /** Off and away, with all disks that are attached to it. @throws {GovcError} `not found` where it is gone already. */
  async destroy(vm: VmRef, call: CallOptions = {}): Promise<void> {
    const operands = [checkRef("vm.destroy", vm, "VirtualMachine")];
    await this.#write({ name: "vm.destroy", operands, isRepeatable: true }, call);
  }

  /** Turns it into a template, which a vCenter clones but nobody can switch on. */
  async markAsTemplate(vm: VmRef, call: CallOptions = {}): Promise<void> {
    const operands = [checkRef("vm.markastemplate", vm, "VirtualMachine")];
    await this.#write({ name: "vm.markastemplate", operands, isRepeatable: true }, call);
  }

  #write(command: WriteCommand, call: CallOptions): Promise<void> {
    return this.#caller.write(command, call);
  }
}

export function placementFlags(command: string, { datastore, pool, folder, host }: Placement) {
  return {
    ds: checkRef(command, datastore, "Datastore"),
    pool: pool && checkRef(command, pool, "ResourcePool", "VirtualApp"),
    folder: folder && checkRef(command, folder, "Folder"),
    host: host && checkRef(command, host, "HostSystem"),
  };
}
