/** The Node runtime that goes into the image: the pinned one, for Linux and the engine's architecture. */

import { mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { arch, platform } from "node:process";
import { buffer } from "node:stream/consumers";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { runCommand } from "#infra/console/commands";
import type { Step } from "#infra/console/steps";

/** Docker's word for an architecture to Node's. */
const NODE_ARCH: Readonly<Record<string, string>> = { amd64: "x64", arm64: "arm64" };

/** @throws {Error} There is no Node for this architecture. */
export function nodeArchitecture(architecture: string): string {
  const nodeArch = NODE_ARCH[architecture];
  if (nodeArch === undefined) throw new Error(`no Node runtime for ${architecture}; nodes run on amd64 and arm64`);
  return nodeArch;
}

/**
 * The checkout's own binary where it fits the engine, else npm's package of the same version for the engine's
 * architecture.
 */
export async function readNodeRuntime(
  { version, architecture, cacheDir }: { version: string; architecture: string; cacheDir: string },
  step: Step,
): Promise<Uint8Array> {
  const nodeArch = nodeArchitecture(architecture);
  if (platform === "linux" && arch === nodeArch) {
    return readFile(join(import.meta.dirname, "..", "..", "node_modules", "node", "bin", "node"));
  }
  const packed = join(cacheDir, `node-linux-${nodeArch}-${version}.tgz`);
  return extractBinary(packed).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    await downloadRuntime(`node-linux-${nodeArch}@${version}`, packed, cacheDir, step);
    return extractBinary(packed);
  });
}

/** npm checks the package against the registry's digest. */
async function downloadRuntime(name: string, target: string, cacheDir: string, step: Step): Promise<void> {
  const work = await mkdtemp(join(cacheDir, "npm-"));
  try {
    const printed = await runCommand("npm", ["pack", name, "--json", "--pack-destination", work], { step });
    const [{ filename }] = JSON.parse(printed) as [{ filename: string }];
    await rename(join(work, filename), target);
  } finally {
    await rm(work, { recursive: true });
  }
}

async function extractBinary(packed: string): Promise<Uint8Array> {
  const entries = createReadStream(packed).on("error", (error) => entries.destroy(error));
  const files = extract();
  entries
    .pipe(createGunzip())
    .on("error", (error) => files.destroy(error))
    .pipe(files);
  for await (const entry of files) {
    if (entry.header.name === "package/bin/node") return buffer(entry);
    entry.resume();
  }
  throw new Error(`${packed}: no bin/node in it`);
}
