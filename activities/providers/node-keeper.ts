/** A node that no engine looks after: started by its keeper (node-keeper.sh), and found again by what that wrote down. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { identifyProcess, isAlive, killProcess } from "#activities/process-identity";
import type { ProcessIdentity } from "#activities/process-identity";
import type { NodeCgroups } from "#activities/providers/node-cgroups";
import { readExitCode, readIdentity, readLog, removeFolder, startLogOf } from "#activities/providers/node-folders";
import type { NodeFolder } from "#activities/providers/node-folders";
import { sleep } from "#activities/timing";
import { BenchError } from "#model/errors";

const KEEPER = join(import.meta.dirname, "node-keeper.sh");
/** How a keeper ends where another one has the folder. */
const HAS_KEEPER = 75;
const POLL_MS = 5;
const START_LIMIT_MS = 15_000;
const END_LIMIT_MS = 15_000;
/** A keeper writes down how its node ended as soon as it has. */
const EXIT_CODE_LIMIT_MS = 2000;

export interface KeptCommand {
  readonly folder: NodeFolder;
  readonly node: number;
  /** What the node is told by its environment; nothing of the worker's own is handed on. */
  readonly env: NodeJS.ProcessEnv;
  readonly cgroups: NodeCgroups;
  readonly command: readonly string[];
}

/**
 * Starts a keeper in a session of its own, and waits until its node, or that of another worker's keeper, has begun.
 * @param hasBegun - Asked again and again once the node's process is there.
 * @throws {BenchError} `node failed`, with what the keeper said.
 */
export async function startKeeper(
  kept: KeptCommand,
  hasBegun: (init: ProcessIdentity) => Promise<boolean>,
): Promise<void> {
  const { folder, node } = kept;
  const limit = AbortSignal.timeout(START_LIMIT_MS);
  let ended = spawnKeeper(kept);
  for (;;) {
    const status = await Promise.race([ended, sleep(POLL_MS, limit)]).catch((error: unknown) => {
      throw new BenchError("node failed", "it did not begin in time", { node }, { cause: error });
    });
    const init = await readIdentity(folder, "init");
    if (init && (await hasBegun(init))) return;
    const other = await readIdentity(folder, "keeper");
    // Another worker's keeper was faster: the node is its own, and begins.
    if (status === undefined || (other && isAlive(other))) continue;
    if (status !== HAS_KEEPER) {
      throw new BenchError("node failed", `it did not begin: ${(await readLog(folder)).trim()}`, { node });
    }
    // That one has yet to write down that it is there, or died before: then the next one takes its place.
    ended = spawnKeeper(kept);
  }
}

/** Begins the part of a kept command that is the node: what comes before it is not. */
export const becomingNode = ({ path }: NodeFolder): string[] => [KEEPER, "begin", path];

/** @returns How it ends; `null` where a signal ended it. */
async function spawnKeeper({ folder, env, cgroups, command }: KeptCommand): Promise<number | null> {
  const output = openSync(startLogOf(folder), "a", 0o600);
  const groups = [cgroups.roots, cgroups.foldersOf(folder.name)].map((folders) => folders.join(":"));
  const keeper = spawn(KEEPER, ["keep", folder.name, folder.path, ...groups, ...command], {
    detached: true,
    stdio: ["ignore", output, output],
    env,
  });
  closeSync(output);
  keeper.unref();
  const [status] = (await once(keeper, "exit")) as [number | null];
  return status;
}

/** Whether the node runs, or is about to. */
export async function findLivingNode(folder: NodeFolder): Promise<{ readonly init?: ProcessIdentity } | undefined> {
  const [init, keeper] = await Promise.all([readIdentity(folder, "init"), readIdentity(folder, "keeper")]);
  if (init) return isAlive(init) ? { init } : undefined;
  // Between its folder and its first process.
  return keeper && isAlive(keeper) ? {} : undefined;
}

/** @returns `null` where its keeper was killed, too, or never got as far. */
export async function awaitExitCode(folder: NodeFolder): Promise<number | null> {
  const deadline = performance.now() + EXIT_CODE_LIMIT_MS;
  for (;;) {
    const keeper = await readIdentity(folder, "keeper");
    const isKept = keeper !== undefined && isAlive(keeper) && performance.now() < deadline;
    const exitCode = await readExitCode(folder);
    if (exitCode !== undefined || !isKept) return exitCode ?? null;
    await sleep(POLL_MS, AbortSignal.timeout(EXIT_CODE_LIMIT_MS));
  }
}

/**
 * Ends all that runs of a node, and removes what it had. Safe to repeat, and for two workers at once.
 * @throws {BenchError} `engine unavailable` where something does not end.
 */
export async function removeKeptNode(folder: NodeFolder, cgroups: NodeCgroups): Promise<void> {
  const limit = AbortSignal.timeout(END_LIMIT_MS);
  for (;;) {
    const [keeper, init] = await Promise.all([readIdentity(folder, "keeper"), readIdentity(folder, "init")]);
    const members = (await cgroups.processesOf(folder.name)).map(identifyProcess);
    const alive = [init, keeper, ...members].filter((one) => one !== undefined).filter(isAlive);
    if (alive.length === 0 && (await removeGroups(cgroups, folder))) break;
    for (const one of alive) killProcess(one);
    await sleep(POLL_MS, limit).catch((error: unknown) => {
      const message = `process ${alive[0]?.pid ?? "of a control group"} of ${folder.name} does not end`;
      throw new BenchError("engine unavailable", message, {}, { cause: error });
    });
  }
  await removeFolder(folder.path);
}

/** @returns False while something is in them still: a large process is no longer to be seen before it has gone. */
async function removeGroups(cgroups: NodeCgroups, { name }: NodeFolder): Promise<boolean> {
  try {
    await cgroups.remove(name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EBUSY") return false;
    throw error;
  }
}
