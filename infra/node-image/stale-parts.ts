/** What earlier recipes and killed builds left in the cache: a quarter of a gigabyte each. */

import { readdir, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";

/** As old as that, no build is still at it, and no other checkout has just used it. */
const STALE_AFTER_MS = 24 * 3600 * 1000;
/** Sweeps may wait for days, and what they pinned cannot be built again by another version. */
const STALE_DISK_AFTER_MS = 7 * STALE_AFTER_MS;

/**
 * Removes trees and work folders that nobody has used for a day.
 * @param tarFile - The tree in use, which stays.
 * @returns The names of what was removed.
 */
export async function removeStaleParts(cacheDir: string, tarFile: string, now = new Date()): Promise<string[]> {
  const names = (await readdir(cacheDir)).filter((name) => /^(?:rootfs|npm)-/.test(name));
  const removed: string[] = [];
  // Sorted, so that a tree goes before the file that describes it: whoever finds the tree expects that file.
  for (const name of names.toSorted()) {
    if (name.startsWith(basename(tarFile)) || !(await isStale(join(cacheDir, name), now, STALE_AFTER_MS))) continue;
    await rm(join(cacheDir, name), { recursive: true, force: true });
    removed.push(name);
  }
  return removed;
}

/**
 * Removes VM disks that nobody has used for a week, with the machines that were frozen on them.
 * @returns The names of what was removed.
 */
export async function removeStaleDisks(disksDir: string, now = new Date()): Promise<string[]> {
  const removed: string[] = [];
  for (const name of (await readdir(disksDir)).toSorted()) {
    if (!(await isStale(join(disksDir, name), now, STALE_DISK_AFTER_MS))) continue;
    await rm(join(disksDir, name), { recursive: true, force: true });
    removed.push(name);
  }
  return removed;
}

async function isStale(path: string, now: Date, afterMs: number): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined); // another build was faster
  return stats !== undefined && now.getTime() - stats.mtimeMs > afterMs;
}
