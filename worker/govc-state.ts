/** Where govc keeps its sessions while a worker serves an ESXi host; what a worker that was killed has left goes. */

import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { identifyProcess } from "#activities/process-identity";

/**
 * A folder of this process, made, once those of processes that are gone are removed: in them is a session's key, and a
 * password that could not go by the environment.
 * @param home - Of the installation.
 */
export function ensureGovcStateDir(home: string): string {
  const parent = join(home, "govc");
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(parent)) {
    if (identifyProcess(Number(name)) === undefined) rmSync(join(parent, name), { recursive: true, force: true });
  }
  const own = join(parent, String(process.pid));
  mkdirSync(own, { recursive: true, mode: 0o700 });
  return own;
}
