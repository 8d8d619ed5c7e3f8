/** Ending a service with all its children: each service leads a process group of its own. */

import { setTimeout as delay } from "node:timers/promises";
import { readdirSync, readFileSync } from "node:fs";

const POLL_MS = 20;
/** After SIGKILL: how long the kernel may take to end a process, say in uninterruptible I/O. */
const KILL_WAIT_SEC = 10;

/** SIGTERM, SIGKILL after the grace; resolves once nothing of the group runs. */
export async function killGroup(groupId: number, graceSec: number): Promise<void> {
  signalGroup(groupId, "SIGTERM");
  if (await groupEnds(groupId, graceSec)) return;
  signalGroup(groupId, "SIGKILL");
  await groupEnds(groupId, KILL_WAIT_SEC);
}

function signalGroup(groupId: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-groupId, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

async function groupEnds(groupId: number, limitSec: number): Promise<boolean> {
  const deadline = performance.now() + limitSec * 1000;
  while (groupRuns(groupId)) {
    if (performance.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** Zombies do not count: who reaps them may be slow, and they hold nothing. */
function groupRuns(groupId: number): boolean {
  if (!groupExists(groupId)) return false;
  return readdirSync("/proc").some((entry) => /^\d+$/.test(entry) && isRunningMember(entry, groupId));
}

function groupExists(groupId: number): boolean {
  try {
    process.kill(-groupId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function isRunningMember(pid: string, groupId: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state !== "Z" && Number(group) === groupId;
  } catch {
    return false; // ended since it was listed
  }
}
