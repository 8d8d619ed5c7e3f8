/** The teardown step: removes all that carries a run's label, looks that it is gone, and gives the host back. */

import { EvidenceSpool } from "#activities/evidence";
import { HostFence } from "#activities/fence/host-fence";
import type { HostDependencies } from "#activities/host-dependencies";
import type { LabelledResource, NodeProvider } from "#activities/providers/provider";
import { stepSecSince } from "#activities/step";
import type { StepContext } from "#activities/step";
import { BenchError } from "#model/errors";
import type { Leftover } from "#model/reaping";

/**
 * Safe to repeat, and whatever is there of the run. Asks every provider of the host, since a run id does not tell whose.
 * Another installation's run of the same id is left alone: this one was kept out by it, and has made nothing.
 * @throws {BenchError} `engine unavailable` where something is still there; worth another try.
 */
export async function destroyNodes(
  dependencies: HostDependencies,
  { runId }: { readonly runId: string },
  context: Pick<StepContext, "attempt">,
): Promise<{ removed: number; teardownSec: number | null }> {
  const { providers, spoolDir, host } = dependencies;
  const startedMs = performance.now();
  const fence = new HostFence(dependencies);
  if (await fence.isAnothers(runId)) return { removed: 0, teardownSec: stepSecSince(startedMs, context) };
  const all = [...providers.values()];
  const counts = await Promise.all(all.map((provider) => provider.destroyRun(runId)));
  const left = (await Promise.all(all.map((provider) => resourcesOf(provider, { runId, host })))).flat();
  if (left.length > 0) {
    const names = left.map(({ kind, name }) => `${kind} ${name}`).join(", ");
    throw new BenchError("engine unavailable", `still there after removal: ${names}`, { host });
  }
  await new EvidenceSpool(spoolDir).forget(runId);
  await fence.release(runId);
  return {
    removed: counts.reduce((sum, count) => sum + count, 0),
    teardownSec: stepSecSince(startedMs, context),
  };
}

/** What only has the run's name on it, and another host's, is not the run's, and nobody here removes it. */
async function resourcesOf(
  provider: NodeProvider,
  whose: Pick<Leftover, "runId" | "host">,
): Promise<LabelledResource[]> {
  const all = await provider.listLabelled();
  return all.filter(({ runId, host }) => runId === whose.runId && host === whose.host);
}
