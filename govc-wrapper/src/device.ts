/** Disks of a VM, and its snapshots. */

import { z } from "zod";
import type { Caller } from "./caller.ts";
import type { DatastorePath } from "./datastore.ts";
import { listOf, maybe } from "./json.ts";
import type { CallOptions } from "./options.ts";
import { checkDatastorePath, checkNewName, checkRef } from "./references.ts";
import type { VmRef } from "./references.ts";

export interface VirtualDisk {
  /** govc's name of the device, such as `disk-1000-0`. */
  readonly name: string;
  /** `[datastore] folder/name.vmdk` */
  readonly file: string;
  /** The disk that this one is a child of. */
  readonly parentFile: string | undefined;
}

const BACKING = z.object({ fileName: z.string(), parent: maybe(z.object({ fileName: z.string() })) });
const DEVICE = z.object({
  name: z.string(),
  type: z.string(),
  backing: z.unknown().optional(),
  macAddress: maybe(z.string()),
});
const DEVICES = z.object({ devices: listOf(DEVICE) });

export class DeviceCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async disks(vm: VmRef, call: CallOptions = {}): Promise<VirtualDisk[]> {
    return (await this.#list(vm, call)).filter(({ type }) => type === "VirtualDisk").map(toDisk);
  }

  /** Of its network cards, as `00:50:56:…`. */
  async macAddresses(vm: VmRef, call: CallOptions = {}): Promise<string[]> {
    return (await this.#list(vm, call)).flatMap(({ macAddress }) => macAddress ?? []);
  }

  /** @param keepFile - Takes the disk out of the VM and leaves its file, which a later `vm.destroy` then does not delete. */
  async remove(vm: VmRef, device: string, { keepFile, ...call }: CallOptions & { keepFile: boolean }): Promise<void> {
    const flags = { vm: checkRef("device.remove", vm, "VirtualMachine"), keep: keepFile };
    const operands = [checkNewName("device.remove", device)];
    await this.#caller.write({ name: "device.remove", flags, operands, isRepeatable: true }, call);
  }

  /** Puts a disk that exists into a VM: the disk itself, not a child of it. */
  async attach(vm: VmRef, { datastore, path }: DatastorePath, call: CallOptions = {}): Promise<void> {
    const name = "vm.disk.attach";
    const flags = {
      vm: checkRef(name, vm, "VirtualMachine"),
      ds: checkRef(name, datastore, "Datastore"),
      disk: checkDatastorePath(name, path),
      link: false,
    };
    await this.#caller.write({ name, flags, isRepeatable: false }, call);
  }

  async #list(vm: VmRef, call: CallOptions): Promise<z.output<typeof DEVICE>[]> {
    const command = { name: "device.info", flags: { vm: checkRef("device.info", vm, "VirtualMachine") } };
    return (await this.#caller.read(command, DEVICES, call)).devices;
  }
}

function toDisk({ name, backing }: z.output<typeof DEVICE>): VirtualDisk {
  const { fileName, parent } = BACKING.parse(backing);
  return { name, file: fileName, parentFile: parent?.fileName };
}

export class SnapshotCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Of the disks only. A second one of the same name is accepted: look first, at `VmInfo.snapshots`. */
  async create(vm: VmRef, name: string, call: CallOptions = {}): Promise<void> {
    const flags = { vm: checkRef("snapshot.create", vm, "VirtualMachine"), m: false };
    const operands = [checkNewName("snapshot.create", name)];
    await this.#caller.write({ name: "snapshot.create", flags, operands, isRepeatable: false }, call);
  }
}
