/** The disks that VMs boot: which one belongs to this checkout, and where it is. Built by infra/node-image/vm-disk.ts. */

import { readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ignoring } from "#activities/ignoring";
import { digestOf, readNodeImageInputs } from "#activities/image/node-image";
import type { NodeImageInputs } from "#activities/image/node-image";

export const VM_DISK_KINDS = ["qemu", "esxi"] as const;
export type VmDiskKind = (typeof VM_DISK_KINDS)[number];

const CHECKOUT = join(import.meta.dirname, "..", "..");

/** What a disk is made of beside the node image. */
const DISK_RECIPE = [
  "activities/image/vm-disk.ts",
  "activities/image/initramfs.ts",
  "infra/node-image/debian-archive.sh",
  "infra/node-image/ova.ts",
  "infra/node-image/vm-dhcp.sh",
  "infra/node-image/vm-disk.ts",
  "infra/node-image/vm-init.sh",
  "infra/node-image/vm-parts.sh",
] as const;

/** In a disk's folder. */
export const VM_DISK_FILE = {
  /** Written last: where it is, all is there. */
  facts: "disk.json",
  /** QEMU: the root filesystem, without a partition table. */
  disk: "disk.qcow2",
  kernel: "vmlinuz",
  /** QEMU: the first filesystem, with the modules of that kernel. */
  initrd: "initrd.cpio",
  /** QEMU: the same without modules, for kernels of the host's. */
  init: "init.cpio",
  /** ESXi: everything in one file. */
  appliance: "meshbench-node.ova",
} as const;

const factsShape = z.object({
  /** `sha256:` and 64 hex digits: over all that the disk is made from. */
  id: z.string(),
  /** SHA-256 over the files, hex: packages are of the day they were built. */
  content: z.string(),
  /** Release of its kernel. */
  kernel: z.string(),
  /** Such as `mariadb 10.11.19`. */
  database: z.string(),
  /** Version of the Node runtime. */
  node: z.string(),
  /** `PROTOCOL_VERSION` of the node program in it. */
  protocol: z.string(),
});
export type VmDiskFacts = z.infer<typeof factsShape>;

export interface VmDisk extends VmDiskFacts {
  readonly dir: string;
}

export interface VmDiskInputs {
  readonly kind: VmDiskKind;
  readonly id: string;
  readonly image: NodeImageInputs;
}

/** What a machine of each kind is seen with; Debian's kernel for VMs has no drivers for others. */
export const VM_MODULES: Readonly<Record<VmDiskKind, readonly string[]>> = {
  qemu: ["virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "ext4", "qemu_fw_cfg"],
  esxi: ["sd_mod", "vmw_pvscsi", "vmxnet3", "ext4"],
};

/** Takes a tenth of a second. */
export async function readVmDiskInputs(kind: VmDiskKind, checkout = CHECKOUT): Promise<VmDiskInputs> {
  const image = await readNodeImageInputs(checkout);
  const recipe = await Promise.all(
    DISK_RECIPE.map(async (path) => [path, await readFile(join(checkout, path))] as const),
  );
  const digest = digestOf({ ...Object.fromEntries(recipe), kind, image: image.digest });
  return { kind, id: `sha256:${digest}`, image };
}

/** The disk that this checkout would build. */
export async function vmDiskId(kind: VmDiskKind): Promise<string> {
  return (await readVmDiskInputs(kind)).id;
}

export const vmDisksDir = (cache: string): string => join(cache, "vm-disks");

/** @param id - Checked here: it becomes part of a path. */
export function vmDiskDir(cache: string, kind: VmDiskKind, id: string): string | undefined {
  const digest = /^sha256:([0-9a-f]{64})$/.exec(id)?.[1];
  return digest === undefined ? undefined : join(vmDisksDir(cache), `${kind}-${digest.slice(0, 24)}`);
}

/** Marks it as in use, too. @returns `undefined` where it was not built on this machine. */
export async function findVmDisk(cache: string, kind: VmDiskKind, id: string): Promise<VmDisk | undefined> {
  const dir = vmDiskDir(cache, kind, id);
  if (dir === undefined) return undefined;
  const text = await ignoring("ENOENT", readFile(join(dir, VM_DISK_FILE.facts), "utf8"));
  if (text === undefined) return undefined;
  await utimes(dir, new Date(), new Date());
  const facts = factsShape.parse(JSON.parse(text));
  return facts.id === id ? { ...facts, dir } : undefined;
}
