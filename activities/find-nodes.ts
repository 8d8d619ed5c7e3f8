/** Before a run goes on that was interrupted: how much of it is still there. */

import { providerOf } from "#activities/host-dependencies";
import type { HostDependencies } from "#activities/host-dependencies";
import type { RunSpec } from "#model/run";

/** @returns How many nodes of the run there are, in whatever state; the steps that attach to them look at that. */
export async function findNodes(
  dependencies: HostDependencies,
  { run }: { readonly run: RunSpec },
): Promise<{ found: number }> {
  const resources = await providerOf(dependencies, run.environment).listLabelled();
  const own = resources.filter(({ runId, host }) => runId === run.runId && host === dependencies.host);
  const indices = own.map(({ node }) => node);
  return { found: new Set(indices.filter((index) => index !== undefined)).size };
}
