/** Between two runs: removes what ended ones left, and says what is still there. */

import { EvidenceSpool } from "#activities/evidence";
import type { LabelledResource, NodeProvider } from "#activities/providers/provider";

/** What Temporal knows of a run's workflow. */
export type RunOutcome = "open" | "ended" | "unknown";
export type AskRunOutcome = (runId: string) => Promise<RunOutcome>;

interface CleanedHost {
  readonly providers: ReadonlyMap<string, NodeProvider>;
  readonly askRunOutcome: AskRunOutcome;
  readonly spoolDir: string;
}

/**
 * Goes by labels and by nothing else. A run that Temporal does not know may be another installation's: it has until its
 * deadline. A kept one has, too. A run that waits for this host and whose nodes are here goes on with them.
 * @returns `left`: a line for each resource that is still there and not the `occupant`'s.
 */
export async function proveHostClean(
  { providers, askRunOutcome, spoolDir }: CleanedHost,
  { keptRunIds, waitingRunIds = [] }: { readonly keptRunIds: readonly string[]; readonly waitingRunIds?: string[] },
  now = new Date(),
): Promise<{ removed: number; left: string[]; occupant?: string }> {
  const answers = await Promise.all(
    [...providers.values()].map((provider) =>
      cleanProvider(provider, { kept: new Set(keptRunIds), askRunOutcome, now }, new EvidenceSpool(spoolDir)),
    ),
  );
  const resources = answers.flatMap(({ left }) => left);
  const occupant = waitingRunIds.find((waiting) => resources.some(({ runId }) => runId === waiting));
  return {
    removed: answers.reduce((sum, { removed }) => sum + removed, 0),
    left: resources.filter(({ runId }) => runId !== occupant).map(describe),
    ...(occupant !== undefined && { occupant }),
  };
}

interface Rule {
  readonly kept: ReadonlySet<string>;
  readonly askRunOutcome: AskRunOutcome;
  readonly now: Date;
}

async function cleanProvider(
  provider: NodeProvider,
  rule: Rule,
  spool: EvidenceSpool,
): Promise<{ removed: number; left: LabelledResource[] }> {
  const byRun = Map.groupBy(await provider.listLabelled(), ({ runId }) => runId);
  let removed = 0;
  for (const [runId, resources] of byRun) {
    if (!(await mayGo(runId, resources, rule))) continue;
    removed += await provider.destroyRun(runId);
    await spool.forget(runId);
  }
  return { removed, left: await provider.listLabelled() };
}

async function mayGo(runId: string, resources: readonly LabelledResource[], rule: Rule): Promise<boolean> {
  if (resources.every(({ deadlineAt }) => Date.parse(deadlineAt) < rule.now.getTime())) return true;
  return !rule.kept.has(runId) && (await rule.askRunOutcome(runId)) === "ended";
}

const describe = ({ kind, name, runId, deadlineAt }: LabelledResource): string =>
  `${kind} ${name} of run ${runId}, deadline ${deadlineAt}`;
