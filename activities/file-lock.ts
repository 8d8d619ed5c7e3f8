/** A lock between processes of one machine. The kernel takes it away from a process that dies. Linux only. */

import { spawn } from "node:child_process";
import { once } from "node:events";

const WAIT_LIMIT_SEC = 60;

/**
 * Runs the action while nobody else runs one under the same path, in this process or another.
 * @param path - Of the lock's file, which is made where it is missing, and stays.
 * @throws {Error} Somebody had it for a minute; else what the action throws.
 */
export async function withFileLock<T>(path: string, action: () => Promise<T>): Promise<T> {
  // `cat` lives as long as our end of its input is open: until the action is over, or this process.
  const holder = spawn("flock", ["--exclusive", "--timeout", String(WAIT_LIMIT_SEC), path, "cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(holder, "close");
  holder.stdin.on("error", () => {}); // it ended before it had the lock, which the next line notices
  try {
    holder.stdin.write("\n");
    const echo = await Promise.race([once(holder.stdout, "data"), ended.then(() => undefined)]);
    if (echo === undefined) throw new Error(`${path}: somebody else has this lock for ${WAIT_LIMIT_SEC} s`);
    return await action();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
