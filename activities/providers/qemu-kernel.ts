/** Which kernel VMs boot, and what they need to see their disk with it. */

import { randomUUID } from "node:crypto";
import { access, constants, readFile, rename, writeFile } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";
import { collectModules, packModules } from "#activities/image/initramfs";
import { VM_DISK_FILE, VM_MODULES } from "#activities/image/vm-disk";
import type { VmDisk } from "#activities/image/vm-disk";
import { BenchError } from "#model/errors";
import type { Environment } from "#model/spec";

export interface BootKernel {
  readonly release: string;
  readonly kernel: string;
  readonly initrd: string;
}

/** Where distributions keep them. */
export interface KernelPlaces {
  readonly boot: string;
  readonly modules: string;
  readonly release: string;
}

const THIS_HOST: KernelPlaces = { boot: "/boot", modules: "/lib/modules", release: release() };

/** @throws {BenchError} `image` with `kernel: host` where this host's kernel cannot be booted in a VM. */
export async function bootKernelOf(
  { kernel, host }: Pick<Environment, "kernel" | "host">,
  disk: VmDisk,
  places: KernelPlaces = THIS_HOST,
): Promise<BootKernel> {
  if (kernel === "host") return hostKernel(disk, host, places);
  return {
    release: disk.kernel,
    kernel: join(disk.dir, VM_DISK_FILE.kernel),
    initrd: join(disk.dir, VM_DISK_FILE.initrd),
  };
}

async function hostKernel(disk: VmDisk, host: string, places: KernelPlaces): Promise<BootKernel> {
  const kernel = join(places.boot, `vmlinuz-${places.release}`);
  const initrd = join(disk.dir, `initrd-${places.release}.cpio`);
  try {
    await access(kernel, constants.R_OK);
    const modules = await collectModules(join(places.modules, places.release), VM_MODULES.qemu);
    const init = await readFile(join(disk.dir, VM_DISK_FILE.init));
    // Whole or not at all: another worker may want it, too.
    const made = `${initrd}.${randomUUID()}`;
    await writeFile(made, [init, packModules(modules)]);
    await rename(made, initrd);
  } catch (error) {
    const why = (error as Error).message;
    const message = `kernel: host cannot boot ${places.release} in a VM: ${why}; leave it out to boot the image's kernel`;
    throw new BenchError("image", message, { host }, { cause: error });
  }
  return { release: places.release, kernel, initrd };
}
