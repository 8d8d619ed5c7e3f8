/** What Temporal says about runs, for those who decide about what runs left. */

import type { Client } from "@temporalio/client";
import type { AskRunOutcome } from "#activities/reap-host";
import { askTemporalForRun } from "#activities/temporal";
import { isRefusal } from "#worker/temporal-connection";

export interface TemporalView {
  readonly askRunOutcome: AskRunOutcome;
  /** See `FenceClaim`. */
  readonly domain: string;
}

/** For what needs no Temporal, or finds none. */
export const NO_TEMPORAL: TemporalView = { askRunOutcome: () => Promise.resolve(undefined), domain: "" };

export async function viewTemporal(client: Client): Promise<TemporalView> {
  return { askRunOutcome: askTemporalForRun(client), domain: `${await clusterOf(client)}/${client.options.namespace}` };
}

/** A server that lost its database is another one: it knows nothing of who measures. */
async function clusterOf(client: Client): Promise<string> {
  try {
    return (await client.workflowService.getClusterInfo({})).clusterId ?? "";
  } catch (error) {
    if (isRefusal(error)) return ""; // Temporal Cloud, where namespaces are unique
    throw error;
  }
}
