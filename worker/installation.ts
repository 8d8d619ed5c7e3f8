/** Where Meshbench keeps its things on this machine. Everything it writes outside a checkout is under these two. */

import { homedir } from "node:os";
import { join, resolve } from "node:path";

export interface Installation {
  /** State that must live: results, Temporal's database, secrets, logs, the supervisor's pid. `MESHBENCH_HOME`. */
  readonly home: string;
  /** What can be made again: Temporal's binary, the node image's parts. `MESHBENCH_CACHE`. */
  readonly cache: string;
  readonly hostsFile: string;
  readonly secretsDir: string;
  readonly resultsDir: string;
  readonly logsDir: string;
  /** Pid files, and what `up` started. */
  readonly runtimeDir: string;
  readonly temporalDatabase: string;
}

export function locateInstallation(env: NodeJS.ProcessEnv = process.env): Installation {
  const state = env["XDG_STATE_HOME"] || join(homedir(), ".local", "state");
  const caches = env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  // Absolute, since the supervisor and its services run in other directories.
  const home = resolve(env["MESHBENCH_HOME"] || join(state, "meshbench"));
  return {
    home,
    cache: resolve(env["MESHBENCH_CACHE"] || join(caches, "meshbench")),
    hostsFile: join(home, "hosts.yaml"),
    secretsDir: join(home, "secrets"),
    resultsDir: join(home, "results"),
    logsDir: join(home, "logs"),
    runtimeDir: join(home, "run"),
    temporalDatabase: join(home, "temporal", "temporal.db"),
  };
}

/** Where `up` puts a govc, for workers with ESXi hosts, unless the PATH has one. */
export const govcOfSetUp = ({ cache }: Pick<Installation, "cache">): string => join(cache, "bin", "govc");
