/** Docker's daemon as a service of our supervisor, for machines where nothing else would keep it running. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UnavailableError } from "#model/errors";
import { findProgram, pathWithSystemPrograms } from "#infra/console/commands";
import type { ServiceSpec } from "#infra/supervisor/service";

interface DockerdOptions {
  readonly runtimeDir: string;
  readonly logsDir: string;
  readonly socketPath?: string;
  readonly execRoot?: string;
  readonly configFile?: string;
  /** Further flags, such as a data root of its own. */
  readonly flags?: readonly string[];
}

/** Containers are stopped in this time, or killed. */
const GRACE_SEC = 30;

export function dockerdService({
  runtimeDir,
  logsDir,
  socketPath = "/var/run/docker.sock",
  execRoot = "/var/run/docker",
  configFile = "/etc/docker/daemon.json",
  flags = [],
}: DockerdOptions): ServiceSpec {
  const program = findProgram("dockerd");
  if (!program) throw new UnavailableError("dockerd is not installed", "apt-get install docker.io");
  const pidFile = join(runtimeDir, "dockerd.pid");
  const configured = readConfiguredKeys(configFile);
  // dockerd refuses to start where a setting is in its file and on its command line.
  const ours = [
    ...(configured.has("hosts") ? [] : [`--host=unix://${socketPath}`]),
    ...(configured.has("pidfile") ? [] : [`--pidfile=${pidFile}`]),
    ...(configured.has("exec-root") ? [] : [`--exec-root=${execRoot}`]),
    ...(configured.has("userland-proxy") ? [] : ["--userland-proxy=false"]),
  ];
  return {
    name: "engine",
    command: [program, ...ours, ...flags],
    env: { PATH: pathWithSystemPrograms() },
    logFile: join(logsDir, "engine.log"),
    readyAt: { socketPath, url: "/_ping" },
    // A killed dockerd takes its containerd along, but a new one waits 15 s for it while PID 1 has not reaped it.
    staleFiles: [pidFile, join(execRoot, "containerd", "containerd.pid")],
    graceSec: GRACE_SEC,
    address: `unix://${socketPath}`,
  };
}

function readConfiguredKeys(configFile: string): Set<string> {
  if (!existsSync(configFile)) return new Set();
  try {
    return new Set(Object.keys(JSON.parse(readFileSync(configFile, "utf8")) as object));
  } catch (error) {
    throw new UnavailableError(`${configFile} cannot be read`, "mend or remove it", { cause: error });
  }
}
