/** What a node printed, cut to what fits into a Temporal payload. */

import type { HostDependencies } from "#activities/host-dependencies";
import { BenchError } from "#model/errors";

const TEXT_LIMIT_BYTES = 200_000;

/**
 * Asks every provider of the host, since a run id does not tell whose the node is.
 * @returns The last 200 kB.
 * @throws {BenchError} `node lost` where no provider has it.
 */
export async function readNodeLogs(
  { providers, host }: Pick<HostDependencies, "providers" | "host">,
  { runId, nodeIndex }: { readonly runId: string; readonly nodeIndex: number },
): Promise<{ text: string }> {
  for (const provider of providers.values()) {
    try {
      const text = await provider.readLogs(runId, nodeIndex);
      return { text: Buffer.from(text).subarray(-TEXT_LIMIT_BYTES).toString("utf8") };
    } catch (error) {
      if (!(error instanceof BenchError && error.kind === "node lost")) throw error;
    }
  }
  throw new BenchError("node lost", `run ${runId} has no such node any more`, { node: nodeIndex, host });
}
