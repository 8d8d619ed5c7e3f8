/** Everything of this machine, put together: what the worker serves. Commands that need less import less. */

import { join } from "node:path";
import { createHostActivities } from "#activities/host-activities";
import { createStoreActivities } from "#activities/store-activities";
import { createTemporalActivities } from "#activities/temporal";
import { openHosts } from "#worker/hosts";
import { locateInstallation } from "#worker/installation";
import type { Installation } from "#worker/installation";
import { openResultsStore } from "#worker/results";
import { connectClient, ensureSearchAttributes, readTemporalSettings } from "#worker/temporal-connection";
import { viewTemporal } from "#worker/temporal-view";
import { serve } from "#worker/worker";

export { readRunLogs } from "#worker/run-logs";

/**
 * Serves the hosts of this installation until SIGINT or SIGTERM.
 * @throws {UnavailableError} Temporal or an engine cannot be reached.
 * @throws {InputError} The operator's file or the results directory cannot be used.
 */
export async function runWorker(installation: Installation = locateInstallation()): Promise<void> {
  const settings = readTemporalSettings();
  const client = await connectClient(settings);
  await ensureSearchAttributes(client);
  const hosts = openHosts(installation, await viewTemporal(client));
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
