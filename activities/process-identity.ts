/** Processes that are remembered in files, named so that a pid given away again is nobody else. Linux only. */

import { readFileSync } from "node:fs";

export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in clock ticks since boot, as /proc has it. */
  readonly startTicks: number;
}

/** @returns `undefined` where no such process runs; a zombie has ended. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined; // gone, or another system's /proc: nothing we could have started
  }
  // The second field is the program's name in brackets, which may hold blanks and brackets itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTicks] = [fields[0], Number(fields[19])];
  return state === "Z" || state === "X" ? undefined : { pid, startTicks };
}

export function isAlive({ pid, startTicks }: ProcessIdentity): boolean {
  return identifyProcess(pid)?.startTicks === startTicks;
}
