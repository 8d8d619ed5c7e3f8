/** Work that keeps processors busy, as anything else on a machine might. */

import { spawn } from "node:child_process";
import { once } from "node:events";

export const LOAD_NAME = "busy-neighbour";

/** Ends by itself, should nobody end it. */
const BUSY_LOOP = `process.title = "${LOAD_NAME}"; console.log(process.pid);
  for (const end = Date.now() + 30_000; Date.now() < end; );`;

export interface Load {
  stop(): void;
}

/** Keeps one processor busy; its parent is not this program. */
export const startForeignLoad = (): Promise<Load> => startLoad("setsid", ["--fork"]);

/** The same as a child of this program. */
export const startOwnLoad = (): Promise<Load> => startLoad("env", []);

async function startLoad(command: string, args: readonly string[]): Promise<Load> {
  const { stdout } = spawn(command, [...args, process.execPath, "-e", BUSY_LOOP], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text] = (await once(stdout, "data")) as [Buffer];
  const pid = Number(text.toString());
  return { stop: () => endProcess(pid) };
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has ended by itself
  }
}
