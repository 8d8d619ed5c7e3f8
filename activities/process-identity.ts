/** Processes that are remembered in files, named so that a pid given away again is nobody else. Linux only. */

import { readFileSync } from "node:fs";

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in clock ticks since boot, as /proc has it. */
  readonly startTicks: number;
}

/** @returns `undefined` where no such process runs; a zombie has ended. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat === undefined || stat.state === "Z" || stat.state === "X"
    ? undefined
    : { pid, startTicks: stat.startTicks };
}

export function isAlive({ pid, startTicks }: ProcessIdentity): boolean {
  return identifyProcess(pid)?.startTicks === startTicks;
}

/** Whether somebody stopped it, and it can go on. */
export function isStopped({ pid, startTicks }: ProcessIdentity): boolean {
  const stat = readStat(pid);
  return stat?.startTicks === startTicks && stat.state.toUpperCase() === "T";
}

/** Ends it at once, whatever it is doing. Another process of the same number is left alone. */
export function killProcess(identity: ProcessIdentity): void {
  if (!isAlive(identity)) return;
  try {
    process.kill(identity.pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it ended by itself
  }
}

function readStat(pid: number): { state: string; startTicks: number } | undefined {
  try {
    return parseIdentityStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return undefined; // gone, or another system's /proc: nothing we could have started
  }
}

/** The second field is the program's name in brackets, which may hold blanks and brackets itself. */
function parseIdentityStat(text: string): { state: string; startTicks: number } {
  const [state = "", ...fields] = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state, startTicks: Number(fields[18]) };
}
