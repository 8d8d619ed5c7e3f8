/** The first filesystem of a VM: a cpio archive with its PID 1, and the few kernel modules that it needs to see its disk. */

import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export interface CpioFile {
  readonly path: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

const DIRECTORY = 0o040755;
const REGULAR = 0o100000;

/**
 * An archive as Linux unpacks it at boot ("newc"), with the folders that the files are in. Archives can be put one after
 * the other. Nothing in it depends on time or place.
 */
export function packCpio(files: readonly CpioFile[], emptyFolders: readonly string[] = []): Buffer {
  const folders = [...new Set([...emptyFolders, ...files.flatMap(({ path }) => foldersOf(path))])];
  return Buffer.concat([
    ...folders.map((path) => entry(path, DIRECTORY, Buffer.alloc(0))),
    ...files.map(({ path, mode, content }) => entry(path, REGULAR | mode, content)),
    entry("TRAILER!!!", 0, Buffer.alloc(0)),
  ]);
}

/** Outermost first. */
function foldersOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, depth) => parts.slice(0, depth + 1).join("/"));
}

function entry(path: string, mode: number, content: Uint8Array): Buffer {
  const name = Buffer.from(`${path}\0`);
  // inode, mode, uid, gid, links, time, size, device, device of a special file, length of the name, checksum
  const fields = [0, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(header), name])), padded(content)]);
}

const padded = (bytes: Uint8Array): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);

/** A module to load, and where: those it needs come before it. */
export interface KernelModule {
  readonly name: string;
  readonly content: Uint8Array;
}

/**
 * @param modulesDir - `/lib/modules/RELEASE`, as it is or as it lies in its package: nothing of depmod's is needed.
 * @param names - What has to work in the end; those that are built in are left out.
 * @throws {Error} One is neither there nor built in.
 */
export async function collectModules(modulesDir: string, names: readonly string[]): Promise<KernelModule[]> {
  const paths = await readdir(modulesDir, { recursive: true });
  const files = new Map(paths.filter((path) => MODULE_FILE.test(path)).map((path) => [moduleName(path), path]));
  const builtIn = new Set((await readFile(join(modulesDir, "modules.builtin"), "utf8")).split("\n").map(moduleName));
  const collected = new Map<string, KernelModule>();
  async function collect(name: string): Promise<void> {
    if (builtIn.has(name) || collected.has(name)) return;
    const file = files.get(name);
    if (file === undefined) throw new Error(`${modulesDir} has no module ${name}`);
    const content = await readModule(join(modulesDir, file));
    for (const needed of neededBy(content)) await collect(needed);
    collected.set(name, { name, content });
  }
  for (const name of names) await collect(name);
  return [...collected.values()];
}

const MODULE_FILE = /\.ko(?:\.gz|\.xz|\.zst)?$/;

const moduleName = (path: string): string => basename(path).replace(MODULE_FILE, "").replaceAll("-", "_");

async function readModule(path: string): Promise<Buffer> {
  const bytes = await readFile(path);
  if (path.endsWith(".gz")) return gunzipSync(bytes);
  if (path.endsWith(".zst")) return zstdDecompressSync(bytes);
  if (!path.endsWith(".xz")) return bytes;
  const unpacked = await promisify(execFile)("xz", ["--decompress", "--stdout", path], {
    encoding: "buffer",
    maxBuffer: 64 * 1024 * 1024,
  });
  return unpacked.stdout;
}

/** Every module says so itself, in its section `.modinfo`. */
function neededBy(module: Buffer): string[] {
  const text = /\0depends=([\w,-]*)\0/.exec(module.toString("latin1"))?.[1] ?? "";
  return text.split(",").filter(Boolean).map(moduleName);
}

/** Modules as files that are loaded in the order of their names. */
export const packModules = (modules: readonly KernelModule[]): Buffer =>
  packCpio(
    modules.map(({ name, content }, position) => ({
      path: `modules/${String(position).padStart(2, "0")}-${name}.ko`,
      mode: 0o644,
      content,
    })),
  );
