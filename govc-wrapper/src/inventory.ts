/** Hosts, networks, pools and folders: where a VM can go. */

import { z } from "zod";
import type { Caller } from "./caller.ts";
import { collectAll, refTo } from "./collect.ts";
import { GovcError } from "./govc-error.ts";
import { maybe } from "./json.ts";
import type { CallOptions } from "./options.ts";
import { decodeName } from "./references.ts";
import type { FolderRef, HostRef, NetworkRef, ObjectType, PoolRef, Ref } from "./references.ts";
import { parseProperties } from "./vm.ts";

/** An object and its name, which need not be the only one of that name. */
export interface Named<Reference extends Ref = Ref> {
  readonly ref: Reference;
  readonly name: string;
  /** What it is in: a datacenter, a folder, a compute resource. */
  readonly parent: Ref | undefined;
}

export interface HostInfo extends Named<HostRef> {
  /** Such as `6.5.0`. */
  readonly version: string;
  /** Of the hardware. */
  readonly vendor: string | undefined;
  readonly cpuModel: string;
  /** Of the hardware: hyperthreads count. */
  readonly cpuThreads: number;
  readonly memoryMib: number;
  readonly memoryUsedMib: number;
  readonly isInMaintenance: boolean;
}

const NAMED = z.object({ ref: z.string(), name: z.string(), parent: maybe(refTo<ObjectType>()) });

const HOST = z.object({
  ref: z.templateLiteral(["HostSystem:", z.string()]),
  name: z.string(),
  parent: maybe(refTo<ObjectType>()),
  "summary.hardware": z.object({
    vendor: maybe(z.string()),
    cpuModel: z.string(),
    numCpuThreads: z.number(),
    memorySize: z.number(),
  }),
  "summary.quickStats": maybe(z.object({ overallMemoryUsage: maybe(z.number()) })),
  "summary.config.product.version": z.string(),
  "runtime.inMaintenanceMode": z.boolean(),
});
const HOST_PROPERTIES = Object.keys(HOST.shape).filter((path) => path !== "ref");

export class InventoryCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async hosts(call: CallOptions = {}): Promise<HostInfo[]> {
    const found = await collectAll(this.#caller, "HostSystem", HOST_PROPERTIES, call);
    return found.map((properties) => {
      const host = parseProperties(HOST, properties);
      const hardware = host["summary.hardware"];
      return {
        ref: host.ref,
        name: decodeName(host.name),
        parent: host.parent,
        version: host["summary.config.product.version"],
        vendor: hardware.vendor,
        cpuModel: hardware.cpuModel,
        cpuThreads: hardware.numCpuThreads,
        memoryMib: Math.floor(hardware.memorySize / 1024 ** 2),
        memoryUsedMib: host["summary.quickStats"]?.overallMemoryUsage ?? 0,
        isInMaintenance: host["runtime.inMaintenanceMode"],
      };
    });
  }

  /** Port groups of standard and of distributed switches. */
  networks(call: CallOptions = {}): Promise<Named<NetworkRef>[]> {
    return this.#named("Network", call);
  }

  pools(call: CallOptions = {}): Promise<Named<PoolRef>[]> {
    return this.#named("ResourcePool", call);
  }

  folders(call: CallOptions = {}): Promise<Named<FolderRef>[]> {
    return this.#named("Folder", call);
  }

  /**
   * On a vCenter only.
   * @param path - In the inventory, such as `/DC0/vm/bench`; what is above it exists.
   * @throws {GovcError} `already exists`; `not supported` by a standalone ESXi.
   */
  async createFolder(path: string, call: CallOptions = {}): Promise<void> {
    const name = "folder.create";
    if (!/^(?:\/[^/*?[\]\\\p{C}]+)+$/u.test(path)) {
      throw new GovcError("usage", `${JSON.stringify(path)} is no absolute path without patterns`, { command: name });
    }
    await this.#caller.write({ name, operands: [path], isRepeatable: true }, call);
  }

  async #named<Reference extends Ref>(type: ObjectType, call: CallOptions): Promise<Named<Reference>[]> {
    const found = await collectAll(this.#caller, type, ["name", "parent"], call);
    return found.map((properties) => {
      const { ref, name, parent } = parseProperties(NAMED, properties);
      return { ref: ref as Reference, name: decodeName(name), parent };
    });
  }
}
