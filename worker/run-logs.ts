/** The logs of a run's nodes, read on the machine that measured it. */

import type { HostDependencies } from "#activities/host-dependencies";
import { readNodeLogs } from "#activities/read-node-logs";
import { BenchError, InputError } from "#model/errors";
import { isRunId } from "#model/ids";
import { openHosts } from "#worker/hosts";
import { locateInstallation } from "#worker/installation";
import type { Installation } from "#worker/installation";
import { NO_TEMPORAL } from "#worker/temporal-view";

export interface NodeLog {
  readonly nodeIndex: number;
  readonly text: string;
}

/**
 * @param nodeIndex - Absent: all nodes.
 * @throws {InputError} Where this machine has none.
 */
export async function readRunLogs(
  runId: string,
  nodeIndex?: number,
  installation: Installation = locateInstallation(),
): Promise<NodeLog[]> {
  if (!isRunId(runId)) throw refusal(runId, "no run id", "meshbench status SWEEP shows them");
  const hosts = openHosts(installation, NO_TEMPORAL);
  const logs: NodeLog[] = [];
  for (let index = nodeIndex ?? 1; ; index++) {
    const text = await readOne(hosts, { runId, nodeIndex: index });
    if (text === undefined) break;
    logs.push({ nodeIndex: index, text });
    if (nodeIndex !== undefined) break;
  }
  if (logs.length > 0) return logs;
  const kept = "they are kept of runs that failed or were disturbed, where those were measured";
  throw refusal(runId, "no log of such a node is on this machine", kept);
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

const refusal = (runId: string, rule: string, hint: string): InputError =>
  new InputError([{ field: "RUN", value: runId, rule, hint }]);
