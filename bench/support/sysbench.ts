/** The standard tool beside us: sysbench, with scripts that insert the same rows into the same table. */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { DATABASE_NAME } from "#model/node-protocol";

export interface SysbenchRun {
  /** In bench/sysbench/. */
  readonly script: "single-row.lua" | "multi-row.lua";
  readonly events: number;
  /** Events per second on average; absent: as fast as it goes. */
  readonly rate?: number;
  readonly target: SysbenchTarget;
}

type SysbenchTarget =
  | { readonly socketPath: string; readonly user: string }
  | { readonly address: string; readonly user: string; readonly password: string };

/** @returns Seconds from its first event to its last, as sysbench says. */
export async function runSysbench({ script, events, rate, target }: SysbenchRun): Promise<number> {
  const { stdout } = await promisify(execFile)("sysbench", [
    join(import.meta.dirname, "..", "sysbench", script),
    ...connectionOptions(target),
    `--mysql-db=${DATABASE_NAME}`,
    `--events=${events}`,
    ...(rate === undefined ? [] : [`--rate=${rate}`]),
    "--threads=1",
    "--time=0",
    "run",
  ]);
  const sec = /total time:\s+([\d.]+)s/.exec(stdout)?.[1];
  if (sec === undefined) throw new Error(`sysbench did not say how long it took: ${stdout}`);
  return Number(sec);
}

function connectionOptions(target: SysbenchTarget): string[] {
  if ("socketPath" in target) return [`--mysql-socket=${target.socketPath}`, `--mysql-user=${target.user}`];
  const { address, user, password } = target;
  return [`--mysql-host=${address}`, `--mysql-user=${user}`, `--mysql-password=${password}`];
}
