/** Everything of this machine, put together: what the worker serves, and what commands ask of the installation. */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { createHostActivities } from "#activities/host-activities";
import type { ResultsStore } from "#activities/results/results-store";
import { openSqliteStore } from "#activities/results/sqlite-store";
import { createStoreActivities } from "#activities/store-activities";
import { askTemporalForRun, createTemporalActivities } from "#activities/temporal";
import { DEFAULT_HOST, DEFAULT_LIMITS } from "#model/spec-schema";
import type { SpecLimits } from "#model/spec-schema";
import { openHosts } from "#worker/hosts";
import { readHostsFile } from "#worker/hosts-file";
import { locateInstallation } from "#worker/installation";
import type { Installation } from "#worker/installation";
import { connectClient, ensureSearchAttributes, readTemporalSettings } from "#worker/temporal-connection";
import { serve } from "#worker/worker";

export { readRunLogs } from "#worker/run-logs";

const CHECKOUT = join(import.meta.dirname, "..");

/**
 * Serves the hosts of this installation until SIGINT or SIGTERM.
 * @throws {UnavailableError} Temporal or an engine cannot be reached.
 * @throws {InputError} The operator's file or the results directory cannot be used.
 */
export async function runWorker(installation: Installation = locateInstallation()): Promise<void> {
  const settings = readTemporalSettings();
  const client = await connectClient(settings);
  await ensureSearchAttributes(client);
  const hosts = openHosts(installation, askTemporalForRun(client));
  const store = openResultsStore(installation);
  try {
    const activities = {
      hosts: new Map(hosts.map((dependencies) => [dependencies.host, createHostActivities(dependencies)])),
      store: createStoreActivities({ store, incomingDir: join(installation.resultsDir, "incoming") }),
      temporal: createTemporalActivities({ client }),
    };
    await serve(settings, activities, () => {
      const names = hosts.map(({ host }) => host).join(", ");
      process.stderr.write(`worker: serves host ${names} and the results store, by Temporal at ${settings.address}\n`);
    });
  } finally {
    store.close();
    await client.connection.close();
  }
}

/** @throws {InputError} Where the results directory cannot be used. */
export function openResultsStore({ resultsDir }: Installation = locateInstallation()): ResultsStore {
  return openSqliteStore(resultsDir);
}

/** What the operator allows; the defaults, and no knowledge of hosts, where nobody set this machine up. */
export function readLimits({ hostsFile }: Installation = locateInstallation()): SpecLimits {
  const file = readHostsFile(hostsFile);
  return file ? { ...file.limits, hosts: Object.keys(file.hosts) } : DEFAULT_LIMITS;
}

/** The hosts that this installation knows. */
export const readHostIds = (installation: Installation = locateInstallation()): readonly string[] =>
  readLimits(installation).hosts ?? [DEFAULT_HOST];

/** @returns Commit of this checkout, with `-dirty` where files differ from it; "" outside a checkout. */
export async function readSourceSha(): Promise<string> {
  try {
    const args = ["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"];
    const { stdout } = await promisify(execFile)("git", args, { cwd: CHECKOUT });
    return stdout.trim();
  } catch {
    return ""; // no git, or no checkout: then there is no commit to name
  }
}
