#!/usr/bin/env node
/** `meshbench down`: stops what `up` started on this machine, and only that. */

import { Command } from "commander";
import { EXIT, UnavailableError } from "#model/errors";
import { type Installation, locateInstallation } from "#worker/installation";
import { readLocalServices } from "#worker/local-services";
import { connectClient } from "#worker/temporal-connection";
import type { Consent } from "#infra/console/consent";
import { runScript } from "#infra/console/script";
import { Steps } from "#infra/console/steps";
import { stopEngine } from "#infra/engine/ensure";
import { stopServices } from "#infra/supervisor/control";

/** Nothing of what `up` started is left afterwards. @returns Names of what was stopped. */
export async function takeDown(
  installation: Installation,
  { consent, steps }: { consent: Consent; steps: Steps },
): Promise<string[]> {
  const running = readLocalServices(installation)?.services.map(({ name }) => name) ?? [];
  const stop = () => stopServices(installation);
  const stopped = running.length > 0 ? await steps.run(`Stopping ${running.join(", ")}`, stop) : await stop();
  const stoppedEngine = await stopEngine(installation, steps, consent);
  const all = [...stopped, ...(stoppedEngine ? ["engine"] : [])];
  if (all.length === 0) steps.note("Nothing runs that meshbench up has started");
  return all;
}

/** @returns Ids of the sweeps that a stop would strand: those open on the server that is to be stopped or served here. */
async function findOpenSweeps(installation: Installation): Promise<string[]> {
  const services = readLocalServices(installation)?.services ?? [];
  if (!services.some(({ name, state }) => state === "running" && (name === "temporal" || name === "worker"))) return [];
  const client = await connectClient().catch((error: unknown) => {
    if (!(error instanceof UnavailableError)) throw error;
    throw new UnavailableError(
      `${error.message}, so open sweeps are unknown`,
      "stop anyway: npx meshbench down --force",
    );
  });
  try {
    const open: string[] = [];
    const query = 'WorkflowType = "sweepWorkflow" AND ExecutionStatus = "Running"';
    for await (const { workflowId } of client.workflow.list({ query })) {
      open.push(workflowId.replace(/^sweep-/, ""));
    }
    return open;
  } finally {
    await client.connection.close();
  }
}

async function main(): Promise<number> {
  const program = new Command("down")
    .option("--yes", "do not ask before the Docker engine is stopped")
    .option("--force", "also while a sweep is open")
    .option("--json", "print what was stopped as JSON")
    .exitOverride();
  const options = program.parse().opts<{ yes?: boolean; force?: boolean; json?: boolean }>();
  const installation = locateInstallation();
  const open = options.force ? [] : await findOpenSweeps(installation);
  if (open.length > 0) {
    process.stderr.write(
      `error: still open: ${open.join(", ")}; cancel them, or stop anyway: npx meshbench down --force\n`,
    );
    return EXIT.notAllowed;
  }
  const consent = { isGiven: options.yes ?? false };
  const stopped = await takeDown(installation, { consent, steps: new Steps() });
  if (options.json) process.stdout.write(`${JSON.stringify({ stopped }, null, 2)}\n`);
  return EXIT.ok;
}

if (import.meta.main) await runScript(main);
