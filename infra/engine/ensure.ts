/** A Docker engine that answers: the one that is there, or Debian's, installed and started. */

import { readFileSync, rmSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { UnavailableError } from "#model/errors";
import type { Installation } from "#worker/installation";
import { findProgram } from "#infra/console/commands";
import type { Consent } from "#infra/console/consent";
import { installPackages } from "#infra/console/packages";
import { authoriseRootCommands, isRoot, type RootCommand, runAsRoot } from "#infra/console/root";
import type { Steps } from "#infra/console/steps";
import { requireCgroups } from "#infra/engine/cgroups";
import { type EngineFacts, findEngine } from "#infra/engine/engine";
import { dockerdService } from "#infra/engine/dockerd";
import { type ServiceManager, SERVICE_MANAGERS, serviceManager } from "#infra/engine/service-manager";
import { superviseServices } from "#infra/supervisor/control";
import { replaceFile } from "#infra/supervisor/plan";

const PACKAGES = ["docker.io", "iptables"] as const;
const START_LIMIT_SEC = 60;
const POLL_MS = 200;

/**
 * Uses the engine that answers. Where none does, installs Debian's if there is none and starts it: by the service
 * manager, else under our supervisor.
 * @throws {UnavailableError} What is missing, and the command that mends it.
 */
export async function ensureEngine(installation: Installation, steps: Steps, consent: Consent): Promise<EngineFacts> {
  const found = await findEngine();
  if (found.state === "answers") {
    steps.note(`✓ Docker engine ${found.facts.version} at ${found.facts.endpoint.url}`);
    return found.facts;
  }
  // An engine that somebody named, or that only refuses this user, is not ours to replace.
  if (process.env["DOCKER_HOST"] || found.state === "forbidden") throw found.problem;
  if (!findProgram("dockerd")) await installEngine(steps, consent);
  const started = await findEngine(); // installing may have started it
  if (started.state === "silent") await startEngine(installation, steps, consent);
  else recordStart(installation, serviceManager() ?? "init-script");
  return await steps.run("Waiting for the Docker engine", untilEngineAnswers);
}

async function installEngine(steps: Steps, consent: Consent): Promise<void> {
  const joinGroup: RootCommand[] = isRoot() ? [] : [["usermod", "-aG", "docker", userInfo().username]];
  await installPackages(steps, consent, "No Docker engine is installed.", PACKAGES, joinGroup);
}

async function startEngine(installation: Installation, steps: Steps, consent: Consent): Promise<void> {
  if (!findProgram("iptables")) {
    await installPackages(steps, consent, "The Docker engine needs iptables.", ["iptables"]);
  }
  requireCgroups();
  const manager = serviceManager() ?? (isRoot() ? undefined : "init-script");
  if (manager === undefined) {
    await steps.run("Starting the Docker engine", () =>
      superviseServices(installation, [
        dockerdService({ runtimeDir: installation.runtimeDir, logsDir: installation.logsDir }),
      ]),
    );
    return;
  }
  const command = SERVICE_MANAGERS[manager].start;
  await authoriseRootCommands(steps, consent, "The Docker engine does not run.", [command]);
  await steps.run("Starting the Docker engine", async (step) => {
    await runAsRoot(command, step);
    recordStart(installation, manager);
  });
}

async function untilEngineAnswers(): Promise<EngineFacts> {
  const deadline = performance.now() + START_LIMIT_SEC * 1000;
  for (;;) {
    const found = await findEngine();
    if (found.state === "answers") return found.facts;
    if (found.state === "forbidden" || performance.now() > deadline) throw found.problem;
    await delay(POLL_MS);
  }
}

/** What a service manager started for us: `down` has it stopped again. */
function recordStart(installation: Installation, manager: ServiceManager): void {
  replaceFile(startRecord(installation), { manager });
}

const startRecord = ({ runtimeDir }: Installation) => join(runtimeDir, "engine.json");

/**
 * Has the service manager stop the engine, if it started it for us. (One under our supervisor ends with that.)
 * @returns Whether there was one to stop.
 */
export async function stopEngine(installation: Installation, steps: Steps, consent: Consent): Promise<boolean> {
  const manager = readStart(installation);
  if (manager === undefined) return false;
  const command = SERVICE_MANAGERS[manager].stop;
  await authoriseRootCommands(steps, consent, "The Docker engine was started by meshbench.", [command]);
  await steps.run("Stopping the Docker engine", (step) => runAsRoot(command, step));
  rmSync(startRecord(installation));
  return true;
}

function readStart(installation: Installation): ServiceManager | undefined {
  try {
    const { manager } = JSON.parse(readFileSync(startRecord(installation), "utf8")) as { manager: ServiceManager };
    return manager;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new UnavailableError(`${startRecord(installation)} cannot be read`, "remove it", { cause: error });
  }
}
