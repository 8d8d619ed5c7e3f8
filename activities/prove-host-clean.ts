/** Between two runs: removes what ended ones left, and says what is still in the way. */

import { describeLeftover, reapedWhole, reapHost, remainingRunIds } from "#activities/reap-host";
import type { ReapedHost } from "#activities/reap-host";

interface ProofRequest {
  readonly keptRunIds: readonly string[];
  readonly waitingRunIds?: readonly string[];
}

/**
 * Kept runs have until their deadline, and so has whoever holds the fence. A run that waits for this host and whose nodes
 * are here goes on with them.
 * @returns `left`: a line for everything in the way that is not the `occupant`'s.
 * @throws {BenchError} `engine unavailable` where something cannot be removed; worth another try.
 */
export async function proveHostClean(
  host: ReapedHost,
  { keptRunIds, waitingRunIds = [] }: ProofRequest,
  now = new Date(),
): Promise<{ removed: number; left: string[]; occupant?: string }> {
  const kept = new Set(keptRunIds);
  const askRunOutcome = async (runId: string) => {
    const outcome = await host.askRunOutcome(runId);
    return outcome === "ended" && kept.has(runId) ? "kept" : outcome;
  };
  const pass = async () => reapedWhole(host, await reapHost({ ...host, askRunOutcome }, { now }));
  const first = await pass();
  // Proven is only what was looked at afterwards.
  const last = first.removed.length > 0 ? await pass() : first;
  const present = remainingRunIds(last, host.host);
  const occupant = waitingRunIds.find((waiting) => present.includes(waiting));
  const left = last.kept.filter(({ runId, isInTheWay }) => isInTheWay && runId !== occupant);
  return {
    removed: first.removed.length,
    left: left.map(describeLeftover),
    ...(occupant !== undefined && { occupant }),
  };
}
