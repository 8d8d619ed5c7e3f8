/** What Temporal says about runs, for those who decide about what runs left. */

import { setTimeout as delay } from "node:timers/promises";
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
  return { askRunOutcome: askTemporalForRun(client), domain: await domainOf(client) };
}

const LOOK_EVERY_MS = 10_000;

/**
 * Watches whether the server is still the one of `view`.
 * @returns True once it is another, such as one that lost its database; false when `signal` aborts.
 */
export async function isReplaced(client: Client, { domain }: TemporalView, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    // One that does not answer may still be the same.
    const found = await domainOf(client).catch(() => domain);
    if (found !== domain) return true;
  }
  return false;
}

const domainOf = async (client: Client): Promise<string> => `${await clusterOf(client)}/${client.options.namespace}`;

/** A server that lost its database is another one: it knows nothing of who measures. */
async function clusterOf(client: Client): Promise<string> {
  try {
    return (await client.workflowService.getClusterInfo({})).clusterId ?? "";
  } catch (error) {
    if (isRefusal(error)) return ""; // Temporal Cloud, where namespaces are unique
    throw error;
  }
}
