/** Where all installations on this machine look for each other. */

import { accessSync, chmodSync, constants, lstatSync, mkdirSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SHARED = "/run/meshbench";

/**
 * `/run/meshbench` where root made it or may make it: then it holds for all users. Without root the user's own, which
 * holds for that user's installations.
 */
export function locateLockDir(env: NodeJS.ProcessEnv = process.env): string {
  if (isUsable(SHARED)) return SHARED;
  const runtimeDir = env["XDG_RUNTIME_DIR"];
  return runtimeDir ? join(runtimeDir, "meshbench") : join(tmpdir(), `meshbench-${process.getuid?.()}`);
}

/** Where the users' own are. */
export interface LockDirPlaces {
  readonly shared: string;
  /** Has a folder of each user's, named by its number. */
  readonly runtimeDirs: string;
  readonly tmp: string;
}

const PLACES: LockDirPlaces = { shared: SHARED, runtimeDirs: "/run/user", tmp: tmpdir() };

/**
 * The others that this user may read: those of users who could not make the shared one, and that one, should it have been
 * made since. Each belongs to whom its name says; what another user left under that name is nobody's.
 */
export function findOtherLockDirs(own: string, { shared, runtimeDirs, tmp }: LockDirPlaces = PLACES): string[] {
  const candidates = [
    { dir: shared, uid: 0 },
    ...namesIn(runtimeDirs, /^(\d+)$/).map(({ name, uid }) => ({ dir: join(runtimeDirs, name, "meshbench"), uid })),
    ...namesIn(tmp, /^meshbench-(\d+)$/).map(({ name, uid }) => ({ dir: join(tmp, name), uid })),
  ];
  return candidates.filter(({ dir, uid }) => dir !== own && isFolderOf(dir, uid)).map(({ dir }) => dir);
}

/** @param pattern - Its group is a user's number. */
function namesIn(dir: string, pattern: RegExp): { name: string; uid: number }[] {
  try {
    return readdirSync(dir).flatMap((name) => {
      const uid = pattern.exec(name)?.[1];
      return uid === undefined ? [] : [{ name, uid: Number(uid) }];
    });
  } catch {
    return []; // not there, or not for us
  }
}

function isFolderOf(dir: string, uid: number): boolean {
  try {
    const found = lstatSync(dir);
    return found.isDirectory() && found.uid === uid;
  } catch {
    return false;
  }
}

function isUsable(dir: string): boolean {
  try {
    // Anybody may leave a file, as in /tmp, and remove only his own. The umask would say otherwise.
    if (mkdirSync(dir, { recursive: true })) chmodSync(dir, 0o1777);
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false; // no right to make it, or to use it: somebody else's business
  }
}
