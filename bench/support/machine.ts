/** What a measurement was made on: ratios hold elsewhere, absolute figures do not. */

import { execFileSync } from "node:child_process";
import { cpus, loadavg, release, totalmem } from "node:os";

/** Over this, other work on the machine shows in the figures. */
const QUIET_LOAD = 1.5;

export function describeMachine(): Record<string, string> {
  return {
    cpus: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    node: process.version,
    database: firstLineOf("mariadbd", ["--version"]),
    sysbench: firstLineOf("sysbench", ["--version"]),
    docker: firstLineOf("docker", ["--version"]),
  };
}

/** Load average of the last minute. */
export const currentLoad = (): number => loadavg()[0] as number;

export const isQuiet = (load: number): boolean => load < QUIET_LOAD;

function firstLineOf(program: string, args: readonly string[]): string {
  try {
    const path = `${process.env["PATH"]}:/usr/sbin:/usr/local/sbin`;
    const text = execFileSync(program, args, { encoding: "utf8", env: { ...process.env, PATH: path } });
    return text.split("\n")[0] as string;
  } catch {
    return "not there";
  }
}
