/**
 * The disk of a VM: the node image's files as an ext4 filesystem, and Debian's kernel for VMs. No loop device, no mount, no
 * boot loader with QEMU, which is given kernel and first filesystem; ESXi's firmware starts one file that holds both.
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { arch, platform } from "node:process";
import { pipeline } from "node:stream/promises";
import { collectModules, packCpio, packModules } from "#activities/image/initramfs";
import {
  findVmDisk,
  readVmDiskInputs,
  VM_DISK_FILE,
  VM_MODULES,
  vmDiskDir,
  vmDisksDir,
} from "#activities/image/vm-disk";
import type { VmDisk, VmDiskFacts, VmDiskInputs, VmDiskKind } from "#activities/image/vm-disk";
import { findProgram, runCommand } from "#infra/console/commands";
import type { Consent } from "#infra/console/consent";
import { installPackages } from "#infra/console/packages";
import { isRoot } from "#infra/console/root";
import type { Step, Steps } from "#infra/console/steps";
import { EPOCH, type LayerFile, nodeLayers } from "#infra/node-image/layers";
import { readNodeFiles } from "#infra/node-image/node-files";
import { packAppliance } from "#infra/node-image/ova";
import { ensureRootfs } from "#infra/node-image/rootfs";
import { removeStaleDisks } from "#infra/node-image/stale-parts";
import { UnavailableError } from "#model/errors";
import { PROTOCOL_VERSION } from "#model/node-protocol";

const ARCHITECTURE = "amd64";
/** Nothing is written to it: a node's root is read-only. */
const SPARE_MIB = 32;
/** For inodes and tables, as a share of the files. */
const OVERHEAD = 1.08;
/** The same for every build. */
const FILESYSTEM_UUID = "6d657368-6265-4e63-8864-69736b000001";
type Tools = Readonly<Record<string, string>>;

/** Programs, and the Debian packages they are in. */
const BUILD_TOOLS: Readonly<Record<VmDiskKind, Tools>> = {
  qemu: { mmdebstrap: "mmdebstrap", mke2fs: "e2fsprogs", "qemu-img": "qemu-utils" },
  esxi: {
    mmdebstrap: "mmdebstrap",
    mke2fs: "e2fsprogs",
    "qemu-img": "qemu-utils",
    objcopy: "binutils",
    sfdisk: "fdisk",
    "mkfs.vfat": "dosfstools",
    mcopy: "mtools",
  },
};
/** What boots a disk on the machine that it is on. */
const RUN_TOOLS: Readonly<Record<VmDiskKind, Tools>> = {
  qemu: { "qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils" },
  esxi: {},
};

export interface BuiltVmDisk {
  readonly disk: VmDisk;
  /** False where it was there. */
  readonly built: boolean;
}

/**
 * Safe to repeat, and in parallel: of two builds at once the first one counts.
 * @throws {UnavailableError} This is no place for it: another system or architecture, no root, no packages.
 */
export async function ensureVmDisk(
  kind: VmDiskKind,
  { cache, consent, steps }: { cache: string; consent: Consent; steps: Steps },
): Promise<BuiltVmDisk> {
  requireBuildPlace();
  const inputs = await readVmDiskInputs(kind);
  const kept = await findVmDisk(cache, kind, inputs.id);
  await requireTools({ ...RUN_TOOLS[kind], ...(!kept && BUILD_TOOLS[kind]) }, consent, steps);
  if (kept) return { disk: kept, built: false };
  await mkdir(vmDisksDir(cache), { recursive: true });
  const work = await mkdtemp(join(vmDisksDir(cache), "build-"));
  try {
    await buildDisk(inputs, { cache, work, steps });
    await moveIntoPlace(join(work, "made"), vmDiskDir(cache, kind, inputs.id)!);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const removed = await removeStaleDisks(vmDisksDir(cache));
  if (removed.length > 0) steps.note(`Removed VM disks that were unused for a week: ${removed.join(", ")}`);
  const disk = await findVmDisk(cache, kind, inputs.id);
  if (!disk) throw new Error(`the disk ${inputs.id} was built, and is not there`);
  return { disk, built: true };
}

const WHY = "VM disks are made from Debian packages.";

function requireBuildPlace(): void {
  if (platform === "linux" && arch === "x64" && isRoot()) return;
  throw new UnavailableError(`${WHY} That needs root on Linux, amd64`, "build it there: meshbench image build");
}

async function requireTools(tools: Tools, consent: Consent, steps: Steps): Promise<void> {
  const missing = Object.entries(tools).filter(([program]) => findProgram(program) === undefined);
  if (missing.length === 0) return;
  const packages = [...new Set([...missing.map(([, name]) => name), "debian-archive-keyring"])];
  await installPackages(steps, consent, `${WHY} ${missing.map(([name]) => name).join(", ")} missing.`, packages);
}

interface Workplace {
  readonly cache: string;
  /** Removed afterwards; what is in its folder `made` stays. */
  readonly work: string;
  readonly steps: Steps;
}

async function buildDisk({ kind, id, image }: VmDiskInputs, { cache, work, steps }: Workplace): Promise<void> {
  const cacheDir = join(cache, "node-image");
  const { rootfsDigest: digest, schema } = image;
  const rootfs = await ensureRootfs({ digest, schema, architecture: ARCHITECTURE, cacheDir }, undefined, steps);
  const files = await readNodeFiles(image, { architecture: ARCHITECTURE, cacheDir, steps });
  const [parts, tree, made] = ["parts", "tree", "made"].map((name) => join(work, name)) as [string, string, string];
  for (const dir of [parts, tree, made]) await mkdir(dir);

  await steps.run("Debian's kernel for VMs", (step) => fetchParts(kind, { parts, rootfs: rootfs.tarFile }, step));
  const root = join(work, "root.ext4");
  await steps.run("root filesystem", async (step) => {
    const base = kind === "esxi" ? join(parts, "tree.tar") : rootfs.tarFile;
    await runCommand("tar", ["--extract", "--file", base, "--directory", tree, "--exclude", "./dev/*"], { step });
    await writeTopFiles(
      tree,
      nodeLayers(files).flatMap((layer) => layer.files),
    );
    await makeFilesystem(tree, root, step);
  });
  const start = await readStart(kind, parts);
  await steps.run(`disk for ${kind}`, async (step) => {
    if (kind === "esxi") await packAppliance({ root, start, loader: join(parts, "loader.efi"), work, made }, step);
    else await packForQemu({ root, start, made }, step);
  });
  const facts: VmDiskFacts = {
    id,
    content: await digestFiles(made),
    kernel: (await readFile(join(parts, "kernel"), "utf8")).trim(),
    database: rootfs.database,
    node: image.nodeVersion,
    protocol: String(PROTOCOL_VERSION),
  };
  await writeFile(join(made, VM_DISK_FILE.facts), `${JSON.stringify(facts, null, 2)}\n`);
}

async function fetchParts(kind: VmDiskKind, { parts, rootfs }: { parts: string; rootfs: string }, step: Step) {
  const script = join(import.meta.dirname, "vm-parts.sh");
  await runCommand(script, [parts, rootfs, ...(kind === "esxi" ? ["--tools"] : [])], { step, ownGroup: true });
}

/** What a VM starts with, before it sees its disk. */
export interface VmStart {
  readonly kernel: Uint8Array;
  /** PID 1 and busybox, as a cpio archive. */
  readonly init: Uint8Array;
  /** As another one. */
  readonly modules: Uint8Array;
}

async function readStart(kind: VmDiskKind, parts: string): Promise<VmStart> {
  const [kernel, busybox, init, dhcp] = (await Promise.all(
    [
      join(parts, "vmlinuz"),
      join(parts, "busybox"),
      join(import.meta.dirname, "vm-init.sh"),
      join(import.meta.dirname, "vm-dhcp.sh"),
    ].map((path) => readFile(path)),
  )) as [Buffer, Buffer, Buffer, Buffer];
  const programs = [
    { path: "bin/busybox", mode: 0o755, content: busybox },
    { path: "init", mode: 0o755, content: init },
    { path: "dhcp.sh", mode: 0o755, content: dhcp },
  ];
  return {
    kernel,
    init: packCpio(programs, ["dev", "proc", "root", "sys"]),
    modules: packModules(await collectModules(join(parts, "modules"), VM_MODULES[kind])),
  };
}

async function writeTopFiles(tree: string, files: readonly LayerFile[]): Promise<void> {
  // Where a container's engine puts its own, PID 1 of a VM has to find a place.
  const hosts = { path: "etc/hosts", mode: 0o644, content: Buffer.from("127.0.0.1 localhost\n") };
  for (const { path, mode, content } of [hosts, ...files]) {
    const target = join(tree, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
    await chmod(target, mode);
    await utimes(target, EPOCH, EPOCH);
  }
}

async function makeFilesystem(tree: string, target: string, step: Step): Promise<void> {
  const [kib] = (await runCommand("du", ["--summarize", "--block-size=1K", tree])).split("\t");
  const sizeMib = Math.ceil((Number(kib) / 1024) * OVERHEAD) + SPARE_MIB;
  const options = ["-t", "ext4", "-L", "meshbench", "-U", FILESYSTEM_UUID, "-m", "0", "-O", "^has_journal"];
  const fixed = ["-E", `hash_seed=${FILESYSTEM_UUID}`];
  await runCommand("mke2fs", ["-q", ...options, ...fixed, "-d", tree, target, `${sizeMib}M`], { step });
}

async function packForQemu({ root, start, made }: { root: string; start: VmStart; made: string }, step: Step) {
  await writeFile(join(made, VM_DISK_FILE.kernel), start.kernel);
  await writeFile(join(made, VM_DISK_FILE.init), start.init);
  await writeFile(join(made, VM_DISK_FILE.initrd), [start.init, start.modules]);
  await runCommand("qemu-img", ["convert", "-O", "qcow2", root, join(made, VM_DISK_FILE.disk)], { step });
}

async function digestFiles(dir: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of (await readdir(dir)).toSorted()) {
    hash.update(`${name}\0`);
    await pipeline(createReadStream(join(dir, name)), hash, { end: false });
  }
  return hash.digest("hex");
}

async function moveIntoPlace(made: string, target: string): Promise<void> {
  await rename(made, target).catch((error: NodeJS.ErrnoException) => {
    // Another build was faster.
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  });
}
