/** The operator's file as a new installation gets it: this machine as host `local`, its Docker engine, the limits. */

import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DEFAULT_GUARDS } from "#model/guards";
import type { Installation } from "#worker/installation";

const SECRET_FILE = "secrets/host-local";

/** Runners of a CI service have neighbours. */
const FOREIGN_CPU_PCT_IN_CI = 60;

/** Not without root, which a worker that offers them needs. */
const NATIVE = `    # Native nodes: processes of this machine itself.
    process: {}
`;

const defaultsText = (
  dockerEndpoint: string,
  foreignCpuPct: number,
  isNativePossible: boolean,
) => `# What this machine offers to measure on. Only its owner may read or change it (mode 0600).
hosts:
  local:
    # Every run's passwords are derived from this file; workers of one host share it.
    secret_file: ${SECRET_FILE}
    docker: { endpoint: ${JSON.stringify(dockerEndpoint)} }
${isNativePossible ? NATIVE : ""}# The most that a spec may ask for.
limits: { nodes: 256, runs: 500 }
# Others may use this share of the machine's CPU while it measures; a run waits so long for that, then fails.
guards: { foreign_cpu_pct: ${foreignCpuPct}, quiet_wait_s: ${DEFAULT_GUARDS.quietWaitSec} }
`;

/** Writes hosts.yaml and the host's secret where they are missing; never changes what is there. */
export function ensureHostsFile(
  installation: Installation,
  dockerEndpoint = "unix:///var/run/docker.sock",
  env: NodeJS.ProcessEnv = process.env,
): void {
  for (const dir of [installation.home, installation.secretsDir]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  createOnce(join(installation.home, SECRET_FILE), `${randomBytes(32).toString("hex")}\n`);
  const foreignCpuPct = env["CI"] ? FOREIGN_CPU_PCT_IN_CI : DEFAULT_GUARDS.foreignCpuPct;
  const isNativePossible = process.platform === "linux" && process.geteuid?.() === 0;
  createOnce(installation.hostsFile, defaultsText(dockerEndpoint, foreignCpuPct, isNativePossible));
}

function createOnce(path: string, content: string): void {
  try {
    writeFileSync(path, content, { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
