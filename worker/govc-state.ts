/** Where govc keeps its sessions while a worker serves an ESXi host; what a worker that was killed has left goes. */

import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { identifyProcess, isAlive } from "#activities/process-identity";
import type { ProcessIdentity } from "#activities/process-identity";

/**
 * A folder of this process, made, once those of processes that are gone are removed: in them is a session's key, and a
 * password that could not go by the environment.
 * @param home - Of the installation.
 */
export function ensureGovcStateDir(home: string): string {
  const parent = join(home, "govc");
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(parent)) {
    if (!isAlive(parseName(name))) rmSync(join(parent, name), { recursive: true, force: true });
  }
  const own = join(parent, nameOf(identifyProcess(process.pid) ?? { pid: process.pid, startTicks: 0 }));
  mkdirSync(own, { recursive: true, mode: 0o700 });
  return own;
}

const nameOf = ({ pid, startTicks }: ProcessIdentity): string => `${pid}-${startTicks}`;

function parseName(name: string): ProcessIdentity {
  const [pid, startTicks] = name.split("-").map(Number);
  return { pid: pid ?? Number.NaN, startTicks: startTicks ?? Number.NaN };
}
