/** How `up` and `down` deal with the installation's supervisor. */

import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { UnavailableError } from "#model/errors";
import type { Installation } from "#worker/installation";
import { type LocalService, localServicesFile, readLocalServices, readServicesRecord } from "#worker/local-services";
import { isAlive, type ProcessIdentity } from "#activities/process-identity";
import { withoutSecrets } from "#infra/supervisor/environment";
import { readPlan, removePlan, writePlan } from "#infra/supervisor/plan";
import { killGroup } from "#infra/supervisor/process-group";
import type { ServiceSpec } from "#infra/supervisor/service";
import { removeUnitEnvironment, startAsUnit } from "#infra/supervisor/unit";

const POLL_MS = 50;
const SUPERVISOR_START_LIMIT_SEC = 15;
const SERVICE_START_LIMIT_SEC = 60;
/** Deaths before a start counts as failed. */
export const DEATHS_ALLOWED = 3;
const LOG_TAIL_LINES = 12;

/**
 * Has the supervisor run these services beside those it runs already, and waits until they are ready. Services that are
 * planned already are left as they are.
 * @throws {UnavailableError} One of them does not start; its log's last lines are in the message.
 */
export async function superviseServices(installation: Installation, specs: readonly ServiceSpec[]): Promise<void> {
  const running = readLocalServices(installation);
  const planned = running ? readPlan(installation) : [];
  const added = specs.filter(({ name }) => !planned.some((each) => each.name === name));
  writePlan(installation, [...planned, ...added]);
  if (running) process.kill(running.supervisor.pid, "SIGHUP");
  else await startSupervisor(installation);
  for (const { name } of specs) await untilServiceRuns(installation, name);
}

/**
 * Ends the supervisor and all it runs, also what a supervisor that was killed left behind. Does nothing where nothing runs.
 * @returns Names of the services that were stopped.
 */
export async function stopServices(installation: Installation): Promise<string[]> {
  const record = readServicesRecord(installation);
  if (!record) return [];
  const graceSec = readPlan(installation).reduce((sum, spec) => sum + spec.graceSec, 0);
  await endSupervisor(record.supervisor, graceSec);
  for (const { process: service } of record.services.toReversed()) {
    if (service && isAlive(service)) await killGroup(service.pid, graceSec);
  }
  removePlan(installation);
  removeUnitEnvironment(installation);
  rmSync(localServicesFile(installation), { force: true });
  return record.services.map(({ name }) => name);
}

async function endSupervisor(supervisor: ProcessIdentity, graceSec: number): Promise<void> {
  const deadline = performance.now() + (graceSec + SUPERVISOR_START_LIMIT_SEC) * 1000;
  if (isAlive(supervisor)) process.kill(supervisor.pid, "SIGTERM");
  while (isAlive(supervisor)) {
    if (performance.now() > deadline) process.kill(supervisor.pid, "SIGKILL");
    await delay(POLL_MS);
  }
}

async function startSupervisor(installation: Installation): Promise<void> {
  mkdirSync(installation.runtimeDir, { recursive: true, mode: 0o700 });
  mkdirSync(installation.logsDir, { recursive: true, mode: 0o700 });
  if (!startAsUnit(installation, SUPERVISOR)) startDetached(installation);
  const deadline = performance.now() + SUPERVISOR_START_LIMIT_SEC * 1000;
  while (!readLocalServices(installation)) {
    if (performance.now() > deadline) throw startFailure("supervisor", supervisorLog(installation));
    await delay(POLL_MS);
  }
}

const SUPERVISOR = [process.execPath, join(import.meta.dirname, "main.ts")] as const;
const supervisorLog = ({ logsDir }: Installation) => join(logsDir, "supervisor.log");

function startDetached(installation: Installation): void {
  const log = openSync(supervisorLog(installation), "a", 0o600);
  const env = { ...withoutSecrets(), MESHBENCH_HOME: installation.home, MESHBENCH_CACHE: installation.cache };
  const [program, ...args] = SUPERVISOR;
  spawn(program, args, { cwd: "/", detached: true, stdio: ["ignore", log, log], env }).unref();
  closeSync(log);
}

async function untilServiceRuns(installation: Installation, name: string): Promise<void> {
  const deadline = performance.now() + SERVICE_START_LIMIT_SEC * 1000;
  for (;;) {
    const service = readLocalServices(installation)?.services.find((each) => each.name === name);
    if (service?.state === "running") return;
    const hasFailed = service !== undefined && service.restarts >= DEATHS_ALLOWED;
    if (hasFailed || performance.now() > deadline) throw serviceFailure(installation, name, service);
    await delay(POLL_MS);
  }
}

function serviceFailure(installation: Installation, name: string, service: LocalService | undefined) {
  return startFailure(name, service?.logFile ?? supervisorLog(installation));
}

/** What to say of something that was started and does not get ready. */
export function startFailure(name: string, logFile: string): UnavailableError {
  const tail = existsSync(logFile) ? readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES) : [];
  const message = [`The ${name} does not start. The end of ${logFile}:`, ...tail.map((line) => `  ${line}`)].join("\n");
  return new UnavailableError(message, `stop what was started with: npx meshbench down`);
}
