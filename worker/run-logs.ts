/** The logs of a run's nodes, read on the machine that measured it. */

import type { HostDependencies } from "#activities/host-dependencies";
import { readNodeLogs } from "#activities/read-node-logs";
import { BenchError } from "#model/errors";
import { closeHosts, openHosts } from "#worker/hosts";
import { readHostsFile } from "#worker/hosts-file";
import { locateInstallation } from "#worker/installation";
import type { Installation } from "#worker/installation";
import { NO_TEMPORAL } from "#worker/temporal-view";

export interface NodeLog {
  readonly nodeIndex: number;
  readonly text: string;
}

/**
 * @param nodeIndex - Absent: all nodes.
 * @returns None where the hosts of this machine have none, or it has no hosts.
 * @throws {UnavailableError} An engine that cannot be reached.
 */
export async function readRunLogsHere(
  runId: string,
  nodeIndex?: number,
  installation: Installation = locateInstallation(),
): Promise<NodeLog[]> {
  if (readHostsFile(installation.hostsFile) === undefined) return [];
  const hosts = openHosts(installation, NO_TEMPORAL);
  try {
    return await readAll(hosts, runId, nodeIndex);
  } finally {
    await closeHosts(hosts);
  }
}

async function readAll(
  hosts: readonly HostDependencies[],
  runId: string,
  nodeIndex: number | undefined,
): Promise<NodeLog[]> {
  const logs: NodeLog[] = [];
  for (let index = nodeIndex ?? 1; ; index++) {
    const text = await readOne(hosts, { runId, nodeIndex: index });
    if (text === undefined) return logs;
    logs.push({ nodeIndex: index, text });
    if (nodeIndex !== undefined) return logs;
  }
}

async function readOne(
  hosts: readonly HostDependencies[],
  node: { readonly runId: string; readonly nodeIndex: number },
): Promise<string | undefined> {
  for (const host of hosts) {
    try {
      const { text } = await readNodeLogs(host, node);
      return text;
    } catch (error) {
      if (!(error instanceof BenchError && error.kind === "node lost")) throw error;
    }
  }
  return undefined;
}
