/** What a node printed, while it is there and, of a disturbed run, afterwards. */

import type { HostDependencies } from "#activities/host-dependencies";
import { KeptLogs } from "#activities/kept-logs";
import { BenchError } from "#model/errors";
import { maskSecrets } from "#model/mask-secrets";

/** What fits into a Temporal payload. */
const TEXT_LIMIT_BYTES = 200_000;

/**
 * Asks every provider of the host, since a run id does not tell whose the node is.
 * @returns The last 200 kB.
 * @throws {BenchError} `node lost` where nobody has it.
 */
export async function readNodeLogs(
  { providers, host, keptLogsDir }: Pick<HostDependencies, "providers" | "host" | "keptLogsDir">,
  { runId, nodeIndex }: { readonly runId: string; readonly nodeIndex: number },
): Promise<{ text: string }> {
  for (const provider of providers.values()) {
    try {
      const text = await provider.readLogs(runId, nodeIndex);
      // It may become part of a history.
      return { text: Buffer.from(maskSecrets(text)).subarray(-TEXT_LIMIT_BYTES).toString("utf8") };
    } catch (error) {
      if (!(error instanceof BenchError && error.kind === "node lost")) throw error;
    }
  }
  const kept = await new KeptLogs(keptLogsDir).read(runId, nodeIndex);
  if (kept !== undefined) return { text: kept };
  throw new BenchError("node lost", `run ${runId} has no such node here, and no log of one was kept`, {
    node: nodeIndex,
    host,
  });
}
