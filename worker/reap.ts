/** The reaper as the worker and the command line run it: all hosts of this installation, then the ledger. */

import { existsSync } from "node:fs";
import type { Client } from "@temporalio/client";
import { EvidenceAssembly } from "#activities/evidence";
import type { HostDependencies } from "#activities/host-dependencies";
import { reapHost, remainingRunIds } from "#activities/reap-host";
import type { AskRunOutcome, ReapReport } from "#activities/reap-host";
import type { ResultsStore } from "#activities/results/results-store";
import { settleLedger } from "#activities/settle-ledger";
import { UnavailableError } from "#model/errors";
import { closeHosts, openHosts } from "#worker/hosts";
import { locateInstallation } from "#worker/installation";
import type { Installation } from "#worker/installation";
import { readServicesRecord } from "#worker/local-services";
import { findResultsStore, incomingDirOf } from "#worker/results";
import { connectClient, isServerUnreachable, isTemporalConfigured } from "#worker/temporal-connection";
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
 * @param isHistoryLost - No server will come back with histories: runs without a row get one. Unless given that is so only
 * where this installation's own server has lost its database.
 * @throws {UnavailableError} No hosts are set up here.
 */
export async function reapHere(
  { isDryRun, isHistoryLost }: { readonly isDryRun: boolean; readonly isHistoryLost?: boolean },
  installation: Installation = locateInstallation(),
): Promise<Reaping> {
  const temporal = await findTemporal();
  const store = isDryRun ? undefined : findResultsStore(installation);
  let hosts: HostDependencies[] = [];
  try {
    const isSettled = temporal !== undefined || (isHistoryLost ?? hasLostHistory(installation));
    const ledger = isSettled ? store : undefined;
    hosts = openHosts(installation, temporal?.view ?? NO_TEMPORAL);
    const askForLedger = temporal === undefined ? NO_TEMPORAL.askRunOutcome : insisting(temporal.view.askRunOutcome);
    const settings = { isDryRun, store: ledger, askForLedger };
    const reapings = await Promise.all(hosts.map((host) => reapOne(host, installation, settings)));
    return { temporalAnswers: temporal !== undefined, hosts: reapings };
  } finally {
    store?.close();
    await closeHosts(hosts);
    await temporal?.client.connection.close();
  }
}

/**
 * Whether runs are gone for good: a server that is only down, or out of reach, comes back with its histories. For certain
 * that is only known of the one that `up` started here.
 */
export function hasLostHistory(installation: Installation, isElsewhere = isTemporalConfigured): boolean {
  if (isElsewhere() || existsSync(installation.temporalDatabase)) return false;
  return readServicesRecord(installation)?.services.some(({ name }) => name === "temporal") === true;
}

/** A server that goes away over the pass has said nothing of the run: it may be under way. */
const insisting =
  (askRunOutcome: AskRunOutcome): AskRunOutcome =>
  async (runId) =>
    (await askRunOutcome(runId)) ?? "open";

/**
 * What a worker does before it serves: a host that cannot be looked at now is looked at again by the schedule. So is the
 * ledger that is elsewhere.
 */
export async function reapAtStart(
  hosts: readonly HostDependencies[],
  store: ResultsStore | undefined,
  installation: Installation,
): Promise<HostReaping[]> {
  return Promise.all(
    hosts.map((host) => reapOne(host, installation, { isDryRun: false, store, askForLedger: host.askRunOutcome })),
  );
}

interface ReapSettings {
  readonly isDryRun: boolean;
  /** Absent where the ledger stays as it is. */
  readonly store: ResultsStore | undefined;
  readonly askForLedger: AskRunOutcome;
}

/** A host that cannot be looked at keeps none of the others. */
async function reapOne(
  host: HostDependencies,
  installation: Installation,
  { isDryRun, store, askForLedger }: ReapSettings,
): Promise<HostReaping> {
  try {
    const report = await reapHost(host, { isDryRun });
    const settleRequest = { host: host.host, remainingRunIds: remainingRunIds(report, host.host) };
    const ledger = store && { store, askRunOutcome: askForLedger };
    const { lostRunIds } = ledger ? await settleLedger(ledger, settleRequest) : { lostRunIds: [] };
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
