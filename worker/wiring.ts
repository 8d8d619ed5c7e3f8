/** Everything of this machine, put together: what the worker serves. Commands that need less import less. */

import type { Client } from "@temporalio/client";
import type { HostDependencies } from "#activities/host-dependencies";
import { createHostActivities } from "#activities/host-activities";
import type { GithubActivities } from "#activities/index";
import type { ResultsStore } from "#activities/results/results-store";
import { createNightActivities } from "#activities/night-activities";
import { createStoreActivities } from "#activities/store-activities";
import { createTemporalActivities } from "#activities/temporal";
import { UnavailableError } from "#model/errors";
import { isSecretVariable } from "#model/inert-input";
import { openGithub } from "#worker/github";
import { closeHosts, hostsOnThisMachine, openHosts } from "#worker/hosts";
import { locateInstallation } from "#worker/installation";
import type { Installation } from "#worker/installation";
import { reapAtStart } from "#worker/reap";
import { keepReapSchedules } from "#worker/reap-schedule";
import { areResultsElsewhere, incomingDirOf, openResultsStore } from "#worker/results";
import { readSourceSha } from "#worker/source-sha";
import { requireOnlyMachine, requireOnlyStore, storeWorkerIdentity } from "#worker/task-queues";
import {
  connectClient,
  ensureSearchAttributes,
  explainCallFailure,
  readTemporalSettings,
} from "#worker/temporal-connection";
import type { TemporalSettings } from "#worker/temporal-connection";
import { isReplaced, viewTemporal } from "#worker/temporal-view";
import type { TemporalView } from "#worker/temporal-view";
import { serve } from "#worker/worker";

export { reapHere } from "#worker/reap";

/**
 * Serves the hosts of this installation until SIGINT or SIGTERM.
 * @throws {UnavailableError} Temporal or an engine cannot be reached.
 * @throws {InputError} The operator's file or the results directory cannot be used.
 */
export async function runWorker(installation: Installation = locateInstallation()): Promise<void> {
  const settings = readTemporalSettings();
  forgetSecretVariables();
  const client = await connectClient(settings);
  await ensureSearchAttributes(client);
  const view = await viewTemporal(client);
  const hosts = openHosts(installation, view);
  await requireOnlyMachine(client, hostsOnThisMachine(installation));
  const store = areResultsElsewhere(installation) ? undefined : openResultsStore(installation);
  const stopping = new AbortController();
  try {
    await reapBeforeServing(hosts, store, installation);
    await keepReapSchedules(
      client,
      hosts.map(({ host }) => host),
      installation,
    );
    const activities = {
      hosts: new Map(hosts.map((dependencies) => [dependencies.host, createHostActivities(dependencies)])),
      ...(store && { store: await storeService(client, store, installation, view) }),
      temporal: createTemporalActivities({ client }),
      ...githubService(openGithub(installation, client, store)),
    };
    const onReady = () => {
      const names = [...hosts.map(({ host }) => `host ${host}`), ...(store ? ["the results store"] : [])].join(", ");
      process.stderr.write(`worker: serves ${names}, by Temporal at ${settings.address}\n`);
    };
    const replaced = isReplaced(client, view, stopping.signal);
    await serve(settings, activities, { onReady, until: replaced });
    stopping.abort();
    if (await replaced) throw otherServer(settings);
  } catch (error) {
    throw explainCallFailure(error) ?? error;
  } finally {
    stopping.abort();
    store?.close();
    await closeHosts(hosts);
    await client.connection.close();
  }
}

/** Schedules and search attributes are gone with the old one: the worker's next start makes them. */
const otherServer = ({ address }: TemporalSettings): UnavailableError =>
  new UnavailableError(
    `the Temporal server at ${address} is another one than before, and knows nothing of earlier runs`,
    "the supervisor starts this worker anew; by hand: meshbench worker",
  );

/** From now on the settings have them: programs and threads that are started would, too, and so would a crash report. */
function forgetSecretVariables(): void {
  for (const name of Object.keys(process.env).filter(isSecretVariable)) Reflect.deleteProperty(process.env, name);
}

const githubService = (github: GithubActivities | undefined) => (github === undefined ? {} : { github });

async function storeService(client: Client, store: ResultsStore, installation: Installation, view: TemporalView) {
  const identity = storeWorkerIdentity(installation.resultsDir);
  await requireOnlyStore(client, identity);
  const incomingDir = incomingDirOf(installation);
  const activities = {
    ...createStoreActivities({ store, incomingDir, ...view }),
    ...createNightActivities({ store, readSourceSha }),
  };
  return { identity, activities };
}

/** What runs left while no worker was here, and from now on what they leave. */
async function reapBeforeServing(
  hosts: readonly HostDependencies[],
  store: ResultsStore | undefined,
  installation: Installation,
): Promise<void> {
  for (const { host, removed, failures, lostRunIds } of await reapAtStart(hosts, store, installation)) {
    for (const { kind, name, why } of removed) process.stderr.write(`worker: removed ${kind} ${name}: ${why}\n`);
    for (const runId of lostRunIds) process.stderr.write(`worker: the history of run ${runId} is lost\n`);
    for (const failure of failures) process.stderr.write(`worker: host ${host} is not reaped: ${failure}\n`);
  }
}
