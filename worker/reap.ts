/** The reaper as the worker and the command line run it: all hosts of this installation, then the ledger. */

import { existsSync } from "node:fs";
import type { Client } from "@temporalio/client";
import { EvidenceAssembly } from "#activities/evidence";
import type { HostDependencies } from "#activities/host-dependencies";
import { reapHost, remainingRunIds } from "#activities/reap-host";
import type { ReapReport } from "#activities/reap-host";
import type { ResultsStore } from "#activities/results/results-store";
import { settleLedger } from "#activities/settle-ledger";
import { UnavailableError } from "#model/errors";
import { closeHosts, openHosts } from "#worker/hosts";
import { locateInstallation } from "#worker/installation";
import type { Installation } from "#worker/installation";
import { findResultsStore, incomingDirOf } from "#worker/results";
import { connectClient, isServerUnreachable } from "#worker/temporal-connection";
import { NO_TEMPORAL, viewTemporal } from "#worker/temporal-view";
import type { TemporalView } from "#worker/temporal-view";

export interface HostReaping extends ReapReport {
  readonly host: string;
  /** Runs whose history is lost and that got their row now. */
  readonly lostRunIds: readonly string[];
}

export interface Reaping {
  readonly temporalAnswers: boolean;
  readonly hosts: readonly HostReaping[];
}

/**
 * One pass, with Temporal's word where a server answers, without it by deadlines alone.
 * @param isDryRun - Only says what would go.
 * @throws {UnavailableError} No hosts are set up here.
 */
export async function reapHere(
  { isDryRun }: { readonly isDryRun: boolean },
  installation: Installation = locateInstallation(),
): Promise<Reaping> {
  const temporal = await findTemporal();
  const store = isDryRun ? undefined : findResultsStore(installation);
  let hosts: HostDependencies[] = [];
  try {
    // A server that is only down comes back with its histories.
    const isHistoryKept = temporal === undefined && existsSync(installation.temporalDatabase);
    const ledger = isHistoryKept ? undefined : store;
    hosts = openHosts(installation, temporal?.view ?? NO_TEMPORAL);
    const reapings = await Promise.all(hosts.map((host) => reapOne(host, installation, { isDryRun, store: ledger })));
    return { temporalAnswers: temporal !== undefined, hosts: reapings };
  } finally {
    store?.close();
    await closeHosts(hosts);
    await temporal?.client.connection.close();
  }
}

/**
 * What a worker does before it serves: a host that cannot be looked at now is looked at again by the schedule. So is the
 * ledger that is elsewhere.
 */
export async function reapAtStart(
  hosts: readonly HostDependencies[],
  store: ResultsStore | undefined,
  installation: Installation,
): Promise<HostReaping[]> {
  return Promise.all(hosts.map((host) => reapOne(host, installation, { isDryRun: false, store })));
}

/** A host that cannot be looked at keeps none of the others. */
async function reapOne(
  host: HostDependencies,
  installation: Installation,
  { isDryRun, store }: { readonly isDryRun: boolean; readonly store: ResultsStore | undefined },
): Promise<HostReaping> {
  try {
    const report = await reapHost(host, { isDryRun });
    const { askRunOutcome } = host;
    const settleRequest = { host: host.host, remainingRunIds: remainingRunIds(report, host.host) };
    const { lostRunIds } = store ? await settleLedger({ store, askRunOutcome }, settleRequest) : { lostRunIds: [] };
    // What came of their evidence will never be whole.
    const assembly = new EvidenceAssembly(incomingDirOf(installation));
    for (const runId of lostRunIds) await assembly.forget(runId);
    return { host: host.host, ...report, lostRunIds };
  } catch (error) {
    const failures = [error instanceof Error ? error.message : String(error)];
    return { host: host.host, removed: [], kept: [], failures, lostRunIds: [] };
  }
}

interface FoundTemporal {
  readonly client: Client;
  readonly view: TemporalView;
}

/** @returns `undefined` where none answers: that is what this command is for as well. */
async function findTemporal(): Promise<FoundTemporal | undefined> {
  let client: Client | undefined;
  try {
    client = await connectClient();
    return { client, view: forgiving(await viewTemporal(client)) };
  } catch (error) {
    await client?.connection.close();
    if (error instanceof UnavailableError || isServerUnreachable(error)) return undefined;
    throw error;
  }
}

/** A server that goes away over the pass has no word either. */
function forgiving(view: TemporalView): TemporalView {
  return {
    ...view,
    askRunOutcome: async (runId) => {
      try {
        return await view.askRunOutcome(runId);
      } catch (error) {
        if (isServerUnreachable(error)) return undefined;
        throw error;
      }
    },
  };
}
