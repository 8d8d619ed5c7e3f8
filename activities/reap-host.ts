/** The reaper of one host: removes what ended runs left. Decides by `model/reaping.ts`; any number may be at it at once. */

import { EvidenceSpool } from "#activities/evidence";
import { HostFence } from "#activities/fence/host-fence";
import type { FencedHost } from "#activities/fence/host-fence";
import type { LabelledResource } from "#activities/providers/provider";
import { BenchError } from "#model/errors";
import { isEvidenceUseless, isForeign, isLegible, judgeLeftover } from "#model/reaping";
import type { Leftover, RunOutcome, Verdict } from "#model/reaping";

/** @returns `undefined` where Temporal does not answer. */
export type AskRunOutcome = (runId: string) => Promise<RunOutcome | undefined>;

export interface ReapedHost extends FencedHost {
  readonly askRunOutcome: AskRunOutcome;
  readonly spoolDir: string;
}

/** Something that carries a run's labels, or a mark of the fence. */
export interface FoundLeftover extends Leftover {
  readonly kind: LabelledResource["kind"] | "fence" | "evidence";
  readonly name: string;
  /** Whether a run of this host has to wait until it is gone. */
  readonly isInTheWay: boolean;
  readonly why: string;
}

export interface ReapReport {
  /** With a dry run: what would be. */
  readonly removed: readonly FoundLeftover[];
  readonly kept: readonly FoundLeftover[];
  /** What could not be removed, a line for each run: it is worth another try. */
  readonly failures: readonly string[];
}

type Found = Omit<FoundLeftover, "why">;

/** All of a run on this host goes, or nothing. */
interface RunFate {
  readonly runId: string;
  readonly all: readonly Found[];
  readonly outcome: RunOutcome | undefined;
  readonly verdict: Verdict;
}

/** @throws {BenchError} `engine unavailable` where what is there cannot be listed. */
export async function reapHost(
  host: ReapedHost,
  { isDryRun = false, now = new Date() }: { readonly isDryRun?: boolean; readonly now?: Date } = {},
): Promise<ReapReport> {
  const fates = await judgeAll(host, await findAll(host, now), now);
  const failures = isDryRun ? [] : await removeRuns(host, fates);
  return { removed: explain(fates, "remove"), kept: explain(fates, "keep"), failures };
}

/** @throws {BenchError} `engine unavailable` where something could not be removed. */
export function reapedWhole({ host }: Pick<ReapedHost, "host">, report: ReapReport): ReapReport {
  const [failure] = report.failures;
  if (failure !== undefined) throw new BenchError("engine unavailable", failure, { host });
  return report;
}

function explain(fates: readonly RunFate[], action: Verdict["action"]): FoundLeftover[] {
  return fates
    .filter(({ verdict }) => verdict.action === action)
    .flatMap(({ all, verdict: { why } }) => all.map((one) => ({ ...one, why })));
}

async function findAll(host: ReapedHost, now: Date): Promise<Found[]> {
  const fence = new HostFence(host);
  const [marks, ...resources] = await Promise.all([
    fence.list(),
    ...[...host.providers.values()].map((provider) => provider.listLabelled()),
  ]);
  const waiting = await new EvidenceSpool(host.spoolDir).listRunIds();
  return [
    // What others left holds up nobody, unless they have the host now: that is what the fence says. Nor does what nobody
    // would ever remove, since its labels cannot be read.
    ...eachOnce(resources.flat()).map((one) => found(one, one, !isForeign(one, host.host) && isLegible(one))),
    ...marks.map((mark) => found({ kind: "fence", name: mark.where }, mark, fence.blocks(mark, now))),
    // It has no deadline: somebody may come for it as long as its run is under way.
    ...waiting.map((runId) =>
      found({ kind: "evidence", name: `evidence of ${runId}` }, { runId, host: host.host, deadlineAt: "" }, false),
    ),
  ];
}

/** Native nodes and virtual machines have networks of one kind, which both providers list. */
const eachOnce = (resources: readonly LabelledResource[]): LabelledResource[] => [
  ...new Map(resources.map((one) => [`${one.kind} ${one.id}`, one])).values(),
];

const found = (
  { kind, name }: Pick<Found, "kind" | "name">,
  { runId, host, deadlineAt }: Leftover,
  isInTheWay: boolean,
): Found => ({ kind, name, runId, host, deadlineAt, isInTheWay });

async function judgeAll(host: ReapedHost, all: readonly Found[], now: Date): Promise<RunFate[]> {
  const abandoned = new Set(await new HostFence(host).listAbandonedRuns());
  const [marksOnly, present] = split(all, ({ runId }) => abandoned.has(runId));
  const [foreign, own] = split(present, (one) => isForeign(one, host.host));
  return [
    ...foreign.map((one) => judgeForeign(one, host.host, now)),
    ...groupByRun(marksOnly).map(([runId, marks]) => ({ runId, all: marks, outcome: undefined, verdict: ABANDONED })),
    ...(await Promise.all(groupByRun(own).map(([runId, ofRun]) => judgeOwn(host, runId, ofRun, now)))),
  ];
}

async function judgeOwn(host: ReapedHost, runId: string, ofRun: readonly Found[], now: Date): Promise<RunFate> {
  const answer = await host.askRunOutcome(runId);
  // Nodes are kept, and may be another installation's; what waited to be fetched of them is neither, without them.
  const isGone = answer !== undefined && answer !== "open" && ofRun.every(({ kind }) => kind === "evidence");
  const outcome = isGone ? "ended" : answer;
  const whole = { runId, host: host.host, deadlineAt: latestDeadline(ofRun) };
  return { runId, all: ofRun, outcome, verdict: judgeLeftover(whole, { host: host.host, now, outcome }) };
}

function judgeForeign(one: Found, host: string, now: Date): RunFate {
  const verdict = judgeLeftover(one, { host, now, outcome: undefined });
  return { runId: one.runId, all: [one], outcome: undefined, verdict };
}

const groupByRun = (all: readonly Found[]) => [...Map.groupBy(all, ({ runId }) => runId)];

function split<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

const ABANDONED: Verdict = { action: "remove", why: "its worker and its nodes are gone" };

/** Of those that can be read: what anybody can label with this run must not keep it for ever. */
function latestDeadline(ofRun: readonly Found[]): string {
  const times = ofRun.filter(isLegible).map(({ deadlineAt }) => Date.parse(deadlineAt));
  return times.length === 0 ? "" : new Date(Math.max(...times)).toISOString();
}

/** One run that resists does not keep the others. */
async function removeRuns(host: ReapedHost, fates: readonly RunFate[]): Promise<string[]> {
  const failures: string[] = [];
  for (const { runId, outcome, verdict } of fates) {
    if (verdict.action === "keep") continue;
    try {
      await removeRun(host, runId, outcome);
    } catch (error) {
      failures.push(`run ${runId}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return failures;
}

/** The fence last: as long as anything is there, nobody else may begin. */
async function removeRun(host: ReapedHost, runId: string, outcome: RunOutcome | undefined): Promise<void> {
  const fence = new HostFence(host);
  if (await fence.isAnothers(runId)) {
    throw new BenchError("fenced", "another installation's run has the same id, and measures", { host: host.host });
  }
  for (const provider of host.providers.values()) await provider.destroyRun(runId);
  if (isEvidenceUseless(outcome)) await new EvidenceSpool(host.spoolDir).forget(runId);
  await fence.release(runId);
}

/** Of which of the host's runs there is still something on the host itself. */
export const remainingRunIds = ({ kept }: Pick<ReapReport, "kept">, host: string): string[] => {
  const own = kept.filter((one) => one.kind !== "evidence" && !isForeign(one, host));
  return [...new Set(own.map(({ runId }) => runId))];
};

export const describeLeftover = ({ kind, name, runId, deadlineAt }: Omit<FoundLeftover, "why">): string =>
  `${kind} ${name} of run ${runId || "unnamed"}, deadline ${deadlineAt || "unnamed"}`;
