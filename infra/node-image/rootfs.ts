/** The root filesystem of a node as a tar, made once per recipe and kept in the cache. */

import { link, mkdir, mkdtemp, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { arch, platform } from "node:process";
import type Docker from "dockerode";
import { findProgram, runCommand } from "#infra/console/commands";
import type { Steps } from "#infra/console/steps";
import { buildInDebianContainer } from "#infra/node-image/debian-container";
import { nodeArchitecture } from "#infra/node-image/node-runtime";
import { removeStaleParts } from "#infra/node-image/stale-parts";
import { UnavailableError } from "#model/errors";

export interface Rootfs {
  readonly tarFile: string;
  /** The server in it, such as `mariadb 10.11.19`. */
  readonly database: string;
}

export interface RootfsRequest {
  /** Of the recipe and the schema, hex. */
  readonly digest: string;
  readonly schema: string;
  /** As Docker calls it. */
  readonly architecture: string;
  readonly cacheDir: string;
}

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * @param docker - For machines that cannot unpack Debian packages themselves.
 * @throws {UnavailableError} This is one of them, and there is no engine.
 */
export async function ensureRootfs(request: RootfsRequest, docker: Docker | undefined, steps: Steps): Promise<Rootfs> {
  const tarFile = join(request.cacheDir, `rootfs-${request.architecture}-${request.digest.slice(0, 16)}.tar`);
  const kept = await readRootfs(tarFile);
  if (kept) {
    for (const path of [tarFile, `${tarFile}.database`]) await utimes(path, new Date(), new Date());
    return kept;
  }
  await mkdir(request.cacheDir, { recursive: true });
  const obstacle = await whyNotHere(request.architecture);
  if (obstacle !== undefined && docker === undefined)
    throw new UnavailableError(obstacle, "build it as root on Debian");
  if (obstacle !== undefined) steps.note(`${obstacle}: the packages are unpacked in a Debian container`);
  const work = await mkdtemp(join(request.cacheDir, "rootfs-"));
  try {
    const made = join(work, "rootfs.tar");
    const schema = join(work, "schema.sql");
    await writeFile(schema, request.schema);
    await steps.run("Debian packages and data directory (a minute or so)", async (step) => {
      if (obstacle !== undefined && docker) await buildInDebianContainer({ docker, made, schema }, step);
      else await runCommand(join(import.meta.dirname, "rootfs.sh"), [made, schema], { step, ownGroup: true });
    });
    // The tar last: where it is, all of it is.
    await rename(`${made}.database`, `${tarFile}.database`);
    await linkUnlessThere(made, tarFile);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const removed = await removeStaleParts(request.cacheDir, tarFile);
  if (removed.length > 0) steps.note(`Removed from ${request.cacheDir}, unused for a day: ${removed.join(", ")}`);
  return { tarFile, database: await readDatabase(tarFile) };
}

/** Of two builds at once the first one counts: no two trees are the same to the byte, and one tag means one image. */
async function linkUnlessThere(made: string, tarFile: string): Promise<void> {
  await link(made, tarFile).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}

async function readRootfs(tarFile: string): Promise<Rootfs | undefined> {
  const isThere = await stat(tarFile).then(
    () => true,
    () => false,
  );
  return isThere ? { tarFile, database: await readDatabase(tarFile) } : undefined;
}

async function readDatabase(tarFile: string): Promise<string> {
  return (await readFile(`${tarFile}.database`, "utf8")).trim();
}

/** What keeps this machine from unpacking Debian packages itself; `undefined` where nothing does. */
async function whyNotHere(architecture: string): Promise<string | undefined> {
  if (platform !== "linux") return `this is ${platform}`;
  if (arch !== nodeArchitecture(architecture)) return `the engine is ${architecture}`;
  if (findProgram("mmdebstrap") === undefined) return "mmdebstrap is not installed";
  if (process.geteuid?.() !== 0) return "mmdebstrap needs root";
  const hasKeyring = await stat(KEYRING).catch(() => undefined);
  return hasKeyring ? undefined : "debian-archive-keyring is not installed";
}
