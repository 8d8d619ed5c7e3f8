#!/usr/bin/env node
/** `meshbench up`: what a machine needs to measure, found or started. Safe to repeat. */

import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Command, Option } from "commander";
import { nodeImageTag } from "#activities/image/node-image";
import { EXIT, UnavailableError } from "#model/errors";
import { readHostsFile } from "#worker/hosts-file";
import { ensureHostsFile } from "#worker/hosts-file-defaults";
import { type Installation, locateInstallation } from "#worker/installation";
import { readLocalServices } from "#worker/local-services";
import { connectClient, readTemporalSettings } from "#worker/temporal-connection";
import { readHostIds } from "#worker/limits";
import { areResultsElsewhere } from "#worker/results";
import { findProgram } from "#infra/console/commands";
import type { Consent } from "#infra/console/consent";
import { installPackages } from "#infra/console/packages";
import { isRoot } from "#infra/console/root";
import { runScript } from "#infra/console/script";
import { Steps } from "#infra/console/steps";
import { type EngineFacts, engineHasImage } from "#infra/engine/engine";
import { ensureEngine } from "#infra/engine/ensure";
import { requireSameEngine } from "#infra/engine/same-engine";
import { ensureGovc } from "#infra/govmomi/tools";
import { ensureNodeImage } from "#infra/node-image/build";
import { ensureNodeTree } from "#infra/node-image/tree";
import { ensureVmDisk } from "#infra/node-image/vm-disk";
import { DEATHS_ALLOWED, startFailure, superviseServices } from "#infra/supervisor/control";
import { secretsOfWorker } from "#infra/supervisor/environment";
import type { ServiceSpec } from "#infra/supervisor/service";
import { ensureTemporalBinary } from "#infra/temporal/binary";
import { queuesWithoutPoller } from "#worker/task-queues";
import { configuredTemporalAddress, temporalService } from "#infra/temporal/server";

/** In the order they need each other. */
export const PARTS = ["engine", "image", "temporal", "worker"] as const;
export type Part = (typeof PARTS)[number];

const WORKER_GRACE_SEC = 30;
const WORKER_START_LIMIT_SEC = 90;
const POLL_MS = 250;

/**
 * @throws {UnavailableError} What is missing, and the command that mends it.
 * @throws {InputError} See `requireSameEngine`.
 */
export async function bringUp(
  installation: Installation,
  { parts, consent, steps }: { parts: readonly Part[]; consent: Consent; steps: Steps },
): Promise<void> {
  if (parts.includes("engine") || parts.includes("image")) {
    requireSameEngine(installation);
    const engine = await ensureEngine(installation, steps, consent);
    ensureHostsFile(installation, engine.endpoint.url);
    if (parts.includes("image")) {
      await provideImage(engine, steps, consent);
      await provideTree(installation, steps);
      await provideVmDisk(installation, steps, consent);
    }
  }
  if (parts.includes("temporal")) await startTemporal(installation, steps);
  if (parts.includes("worker")) await startWorker(installation, steps);
}

async function provideImage(engine: EngineFacts, steps: Steps, consent: Consent): Promise<void> {
  const tag = await nodeImageTag();
  if (await engineHasImage(engine.endpoint, tag)) {
    steps.note(`✓ node image ${tag}`);
    return;
  }
  if (!findProgram("mmdebstrap") && isRoot() && findProgram("apt-get")) {
    const packages = ["mmdebstrap", "debian-archive-keyring"];
    await installPackages(steps, consent, "The node image is made by mmdebstrap.", packages);
  }
  await ensureNodeImage(steps);
}

/** Where hosts.yaml offers native nodes: the same image, unpacked, which takes some seconds. */
async function provideTree({ hostsFile, cache }: Installation, steps: Steps): Promise<void> {
  const hosts = Object.values(readHostsFile(hostsFile)?.hosts ?? {});
  if (!isRoot() || hosts.every((host) => host.process === undefined)) return;
  try {
    const { digest } = await ensureNodeTree(cache, steps);
    steps.note(`✓ node image for native nodes ${digest.slice(0, 19)}`);
  } catch (error) {
    // Containers need none of it.
    if (!(error instanceof UnavailableError)) throw error;
    steps.note(`No native nodes here: ${error.message}; ${error.hint}`);
  }
}

/** Where hosts.yaml offers virtual machines: half a minute, the first time. */
async function provideVmDisk({ hostsFile, cache }: Installation, steps: Steps, consent: Consent): Promise<void> {
  const hosts = Object.values(readHostsFile(hostsFile)?.hosts ?? {});
  if (!isRoot() || hosts.every((host) => host.qemu === undefined)) return;
  try {
    const { disk } = await ensureVmDisk("qemu", { cache, consent, steps });
    steps.note(`✓ disk for virtual machines ${disk.id.slice(0, 19)}, kernel ${disk.kernel}`);
  } catch (error) {
    // Containers need none of it.
    if (!(error instanceof UnavailableError)) throw error;
    steps.note(`No virtual machines here: ${error.message}; ${error.hint}`);
  }
}

async function startTemporal(installation: Installation, steps: Steps): Promise<void> {
  const configured = configuredTemporalAddress();
  if (configured !== undefined) {
    steps.note(`✓ Temporal server at ${configured}, as configured`);
    return;
  }
  await ensureTemporalBinary(installation, steps);
  await startService(installation, steps, { title: "Temporal server", spec: await temporalService(installation) });
}

async function startWorker(installation: Installation, steps: Steps): Promise<void> {
  ensureHostsFile(installation);
  const hosts = Object.values(readHostsFile(installation.hostsFile)?.hosts ?? {});
  if (hosts.some(({ esxi }) => esxi !== undefined)) await ensureGovc(installation, steps);
  await startService(installation, steps, { title: "worker", spec: workerService(installation) });
  await steps.run("Waiting for the worker to serve", () => untilWorkerServes(installation));
}

/** What runs here of it, in start order. */
export async function servicesOf(installation: Installation): Promise<ServiceSpec[]> {
  const temporal = configuredTemporalAddress() === undefined ? [await temporalService(installation)] : [];
  return [...temporal, workerService(installation)];
}

function workerService({ logsDir }: Installation): ServiceSpec {
  return {
    name: "worker",
    command: [process.execPath, join(import.meta.dirname, "..", "cli", "main.ts"), "worker"],
    env: secretsOfWorker(),
    logFile: join(logsDir, "worker.log"),
    graceSec: WORKER_GRACE_SEC,
  };
}

async function startService(
  installation: Installation,
  steps: Steps,
  { title, spec }: { title: string; spec: ServiceSpec },
): Promise<void> {
  const find = () => readLocalServices(installation)?.services.find(({ name }) => name === spec.name);
  if (find()?.state !== "running") {
    await steps.run(`Starting the ${title}`, () => superviseServices(installation, [spec]));
  }
  const { address, webPage } = find() ?? {};
  if (address !== undefined) steps.note(`✓ ${title} runs at ${address}${webPage === undefined ? "" : ` (${webPage})`}`);
}

async function untilWorkerServes(installation: Installation): Promise<void> {
  const client = await connectClient(readTemporalSettings());
  const wanted = { hosts: readHostIds(installation), store: !areResultsElsewhere(installation) };
  const deadline = performance.now() + WORKER_START_LIMIT_SEC * 1000;
  try {
    for (;;) {
      const worker = readLocalServices(installation)?.services.find(({ name }) => name === "worker");
      const pid = worker?.process?.pid;
      if (pid !== undefined && (await queuesWithoutPoller(client, { ...wanted, workerPid: pid })).length === 0) return;
      const hasFailed = worker === undefined || worker.restarts >= DEATHS_ALLOWED || performance.now() > deadline;
      if (hasFailed) throw startFailure("worker", worker?.logFile ?? workerService(installation).logFile);
      await delay(POLL_MS);
    }
  } finally {
    await client.connection.close();
  }
}

async function main(): Promise<number> {
  const program = new Command("up")
    .option("--yes", "install what is missing without asking")
    .addOption(new Option("--only <parts...>", "only these").choices(PARTS))
    .option("--json", "print what runs as JSON")
    .exitOverride();
  const options = program.parse().opts<{ yes?: boolean; only?: Part[]; json?: boolean }>();
  const installation = locateInstallation();
  await bringUp(installation, {
    parts: options.only ?? PARTS,
    consent: { isGiven: options.yes ?? false },
    steps: new Steps(),
  });
  if (options.json) {
    const { services } = readLocalServices(installation) ?? { services: [] };
    process.stdout.write(`${JSON.stringify({ services }, null, 2)}\n`);
  }
  return EXIT.ok;
}

if (import.meta.main) await runScript(main);
