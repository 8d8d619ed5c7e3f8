/**
 * The supervisor of one installation: runs the planned services, each after the one before it is ready, starts them
 * again when they die, and writes down what runs (worker/local-services.ts). SIGHUP: the plan has grown. SIGTERM: stop
 * all in reverse order and end. Started by `meshbench up`, see control.ts.
 */

import { setTimeout as delay } from "node:timers/promises";
import { rmSync } from "node:fs";
import { locateInstallation } from "#worker/installation";
import { localServicesFile, readServicesRecord } from "#worker/local-services";
import { identifyProcess, isAlive } from "#activities/process-identity";
import { becomeSupervisor, readPlan, removePlan, replaceFile } from "#infra/supervisor/plan";
import { killGroup } from "#infra/supervisor/process-group";
import { Service } from "#infra/supervisor/service";

/** A service that is not ready by then no longer keeps the later ones waiting. */
const READY_LIMIT_SEC = 60;
const READY_POLL_MS = 50;
const ORPHAN_GRACE_SEC = 10;

const installation = locateInstallation();
const services: Service[] = [];
const stopping = new AbortController();
let working = Promise.resolve();

process.on("SIGHUP", () => inTurn(startPlanned));
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop());

if (await becomeSupervisor(installation)) inTurn(adoptInstallation);
else process.exit(0); // another `up` was faster, and its supervisor reads the same plan

function inTurn(step: () => Promise<void>): void {
  working = working.then(step);
}

async function adoptInstallation(): Promise<void> {
  await endOrphans();
  record();
  await startPlanned();
}

/** A supervisor that was killed left its services behind; they would hold ports and data of those to come. */
async function endOrphans(): Promise<void> {
  const orphans = readServicesRecord(installation)?.services ?? [];
  for (const { process: orphan } of orphans.toReversed()) {
    if (orphan && isAlive(orphan)) await killGroup(orphan.pid, ORPHAN_GRACE_SEC);
  }
}

async function startPlanned(): Promise<void> {
  for (const spec of readPlan(installation)) {
    if (stopping.signal.aborted) return;
    if (services.some((service) => service.spec.name === spec.name)) continue;
    const service = new Service(spec, record);
    services.push(service);
    service.start();
    await untilRunning(service);
  }
}

async function untilRunning(service: Service): Promise<void> {
  const deadline = performance.now() + READY_LIMIT_SEC * 1000;
  while (service.describe().state !== "running" && performance.now() < deadline && !stopping.signal.aborted) {
    await delay(READY_POLL_MS);
  }
}

function stop(): void {
  if (stopping.signal.aborted) return;
  stopping.abort();
  inTurn(async () => {
    for (const service of services.toReversed()) await service.stop();
    removePlan(installation);
    rmSync(localServicesFile(installation), { force: true });
    process.exit(0);
  });
}

function record(): void {
  const supervisor = identifyProcess(process.pid);
  if (!supervisor) throw new Error("The supervisor needs Linux's /proc");
  replaceFile(localServicesFile(installation), { supervisor, services: services.map((each) => each.describe()) });
}
