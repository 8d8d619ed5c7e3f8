/**
 * What was going on around a run, sampled on its host, in two classes. *Foreign* is what others did to the run: it makes
 * the run SUSPECT or INVALID. *Own* is what the run's load did to its environment: recorded, since that is studied.
 */

import type { Failure } from "#model/run";

/** The operator's, in `hosts.yaml`. */
export interface GuardThresholds {
  /** Share of the whole host's CPU that others may use. 100 lets everything pass. */
  readonly foreignCpuPct: number;
  /** A run waits this long for its host to be quiet, then fails. */
  readonly quietWaitSec: number;
  /** A node whose own timer was silent for longer was paused or starved: its figures are not the environment's. */
  readonly gapMs: number;
}

export const DEFAULT_GUARDS: GuardThresholds = { foreignCpuPct: 25, quietWaitSec: 60, gapMs: 1000 };

/** The time between two looks at a host. CPU counts in seconds of one processor; `null` where the host does not tell. */
export interface HostInterval {
  /** Milliseconds since 1970. */
  readonly endMs: number;
  readonly sec: number;
  /** All programs together. Interrupts are nobody's, and apart. */
  readonly busySec: number;
  /** Nodes, worker, Temporal, engine, kernel threads, test runner. */
  readonly ownSec: number;
  readonly irqSec: number;
  /** What the hypervisor below gave to others. */
  readonly stealSec: number;
  /** Time in which at least one program was ready and had no processor. */
  readonly cpuPressureSec: number | null;
  readonly softnetDropped: number | null;
  readonly softnetSqueezed: number | null;
  readonly neighbourOverflows: number | null;
  readonly conntrackDropped: number | null;
}

/** What one node's environment counted, over the main loop; `null` where it does not tell. */
interface NodeEffects {
  /** From 1. */
  readonly node: number;
  readonly cpuSec: number | null;
  /** How long the node's CPU limit held it back. */
  readonly throttledSec: number | null;
  readonly throttledPeriods: number | null;
  readonly listenOverflows: number | null;
  readonly listenDrops: number | null;
  readonly tcpTimeouts: number | null;
}

/** The same since the node was created. */
export type NodeCounters = NodeEffects;

/** A program that is none of ours, and the CPU it used. */
export interface ForeignProgram {
  readonly name: string;
  readonly cpuSec: number;
}

/** What a run's guard log holds, one entry a line, in the order of writing. */
export type GuardEntry =
  | {
      readonly type: "begin";
      readonly cpus: number;
      readonly engines: readonly string[];
      readonly nodes: NodeCounters[];
    }
  | { readonly type: "interval"; readonly interval: HostInterval; readonly programs: readonly ForeignProgram[] }
  | { readonly type: "end"; readonly engines: readonly string[]; readonly nodes: readonly NodeCounters[] };

interface ForeignDisturbance {
  /** Of all processors, over the time that was sampled. */
  readonly cpuPct: number;
  /** The same over the worst 10 s. */
  readonly worstCpuPct: number;
  /** Those that used most. */
  readonly programs: readonly ForeignProgram[];
  /** Engines that ran when the main loop began, and no longer at its end. */
  readonly enginesGone: readonly string[];
}

/** Sums over the main loop and, where nodes count, over all of them. */
export interface OwnEffects {
  readonly busyPct: number;
  readonly stealPct: number;
  readonly irqPct: number;
  readonly cpuPressurePct: number | null;
  readonly softnetDropped: number | null;
  readonly softnetSqueezed: number | null;
  readonly neighbourOverflows: number | null;
  readonly conntrackDropped: number | null;
  readonly throttledSec: number | null;
  readonly listenOverflows: number | null;
  readonly listenDrops: number | null;
  readonly tcpTimeouts: number | null;
}

export interface GuardRecord {
  readonly cpus: number;
  /** Less than the main loop where a worker died meanwhile. */
  readonly sampledSec: number;
  readonly foreign: ForeignDisturbance;
  readonly own: OwnEffects;
  readonly nodes: readonly NodeEffects[];
  /** At most `SAMPLES_KEPT`, in the order of `SAMPLE_COLUMNS`; neighbours are added up where there were more. */
  readonly samples: { readonly columns: readonly string[]; readonly rows: readonly (readonly (number | null)[])[] };
}

/**
 * `not sampled`: the host is another machine than the worker's, and nothing is guessed. `samples lost`: it was looked at,
 * and what was seen went with a worker that had no room to write it down.
 */
export type RunGuards = GuardRecord | "not sampled" | "samples lost";

const SAMPLE_COLUMNS = [
  "endMs",
  "sec",
  "busySec",
  "ownSec",
  "irqSec",
  "stealSec",
  "cpuPressureSec",
  "softnetDropped",
  "softnetSqueezed",
  "neighbourOverflows",
  "conntrackDropped",
] as const satisfies readonly (keyof HostInterval)[];
export const SAMPLES_KEPT = 240;

/** A shorter burst than this says little: programs start and end all the time. */
const WINDOW_SEC = 10;
const PROGRAMS_SHOWN = 5;

/** Two workers that followed one run for a moment may have counted the same time: the later entry is left out. */
export function guardRecordOf(entries: readonly GuardEntry[]): GuardRecord | "not sampled" {
  const begin = entries.find((entry) => entry.type === "begin");
  const sampled = entries.filter((entry) => entry.type === "interval");
  const intervals = withoutOverlaps(sampled.map(({ interval }) => interval));
  if (begin === undefined || intervals.length === 0) return "not sampled";
  const end = entries.findLast((entry) => entry.type === "end");
  const { cpus } = begin;
  const nodes = end === undefined ? [] : effectsOf(begin.nodes, end.nodes);
  const foreign = {
    cpuPct: foreignCpuPct(intervals, cpus),
    worstCpuPct: worstForeignCpuPct(intervals, cpus),
    programs: addPrograms(sampled.flatMap(({ programs }) => programs)),
    enginesGone: end === undefined ? [] : begin.engines.filter((engine) => !end.engines.includes(engine)),
  };
  const rows = merged(intervals, SAMPLES_KEPT).map((one) => SAMPLE_COLUMNS.map((column) => rounded(one[column])));
  return {
    cpus,
    sampledSec: sum(intervals, "sec") ?? 0,
    foreign,
    own: ownEffectsOf(intervals, nodes, cpus),
    nodes,
    samples: { columns: SAMPLE_COLUMNS, rows },
  };
}

/**
 * What others did to a run. `noisy host` where it lasted, `load burst` where it was only for a while, `unwatched` where
 * nobody can tell any more.
 * @param options.nodesOutliveEngine - Its restart disturbs nobody, or a node shows a gap.
 * @returns `undefined` where nobody did, or where nothing was sampled.
 */
export function foreignFailureOf(
  guards: RunGuards | undefined,
  { foreignCpuPct: limitPct }: GuardThresholds,
  { nodesOutliveEngine = false } = {},
): Failure | undefined {
  if (guards === undefined || guards === "not sampled") return undefined;
  if (guards === "samples lost")
    return { kind: "unwatched", message: "what was sampled on the host over the main loop is lost" };
  const { cpuPct, worstCpuPct, enginesGone } = guards.foreign;
  const [engine] = enginesGone;
  if (engine !== undefined && !nodesOutliveEngine)
    return { kind: "engine restart", message: `${engine} was gone when the main loop ended` };
  const culprit = describeCulprit(guards);
  const limit = `limit ${limitPct} %`;
  if (cpuPct > limitPct) {
    return { kind: "noisy host", message: `${percent(cpuPct)} of the host's CPU was foreign${culprit}, ${limit}` };
  }
  if (worstCpuPct > limitPct) {
    const message = `${percent(worstCpuPct)} of the host's CPU was foreign for ${WINDOW_SEC} s${culprit}, ${limit}`;
    return { kind: "load burst", message };
  }
  return undefined;
}

/** Share of all processors that others used; 0 where the clock's grain shows less than our own. */
export function foreignCpuPct(intervals: readonly HostInterval[], cpus: number): number {
  const sec = sum(intervals, "sec") ?? 0;
  const foreignSec = intervals.reduce((total, { busySec, ownSec }) => total + busySec - ownSec, 0);
  return sec === 0 ? 0 : clampPct((100 * foreignSec) / (sec * cpus));
}

/** The largest share over any stretch of 10 s; over the whole where that is shorter. */
export function worstForeignCpuPct(intervals: readonly HostInterval[], cpus: number): number {
  let worst: number | undefined;
  for (let first = 0, next = 0, sec = 0; first < intervals.length; first++) {
    while (next < intervals.length && sec < WINDOW_SEC) sec += intervals[next++]?.sec ?? 0;
    if (sec < WINDOW_SEC) break;
    worst = Math.max(worst ?? 0, foreignCpuPct(intervals.slice(first, next), cpus));
    sec -= intervals[first]?.sec ?? 0;
  }
  return worst ?? foreignCpuPct(intervals, cpus);
}

/** Adds neighbours up until at most `most` are left: sums stay as they are. */
export function merged(intervals: readonly HostInterval[], most: number): HostInterval[] {
  const size = Math.max(1, Math.ceil(intervals.length / most));
  return Array.from({ length: Math.ceil(intervals.length / size) }, (_, position) =>
    addUp(intervals.slice(position * size, (position + 1) * size)),
  );
}

function withoutOverlaps(intervals: readonly HostInterval[]): HostInterval[] {
  const kept: HostInterval[] = [];
  for (const interval of intervals.toSorted((a, b) => a.endMs - b.endMs)) {
    const last = kept.at(-1);
    // Wall clock against timer: a few milliseconds are no overlap.
    if (last === undefined || interval.endMs - interval.sec * 1000 > last.endMs - 100) kept.push(interval);
  }
  return kept;
}

function effectsOf(before: readonly NodeCounters[], after: readonly NodeCounters[]): NodeEffects[] {
  return after.map((end) => {
    const begin = before.find(({ node }) => node === end.node);
    const grown = (name: keyof NodeCounters) => {
      const [from, to] = [begin?.[name] ?? null, end[name]];
      return from === null || to === null ? null : rounded(to - from);
    };
    return {
      node: end.node,
      cpuSec: grown("cpuSec"),
      throttledSec: grown("throttledSec"),
      throttledPeriods: grown("throttledPeriods"),
      listenOverflows: grown("listenOverflows"),
      listenDrops: grown("listenDrops"),
      tcpTimeouts: grown("tcpTimeouts"),
    };
  });
}

function ownEffectsOf(intervals: readonly HostInterval[], nodes: readonly NodeEffects[], cpus: number): OwnEffects {
  const sec = sum(intervals, "sec") ?? 0;
  const shareOf = (name: keyof HostInterval, of: number) => clampPct((100 * (sum(intervals, name) ?? 0)) / of);
  return {
    busyPct: shareOf("busySec", sec * cpus),
    stealPct: shareOf("stealSec", sec * cpus),
    irqPct: shareOf("irqSec", sec * cpus),
    cpuPressurePct: sum(intervals, "cpuPressureSec") === null ? null : shareOf("cpuPressureSec", sec),
    softnetDropped: sum(intervals, "softnetDropped"),
    softnetSqueezed: sum(intervals, "softnetSqueezed"),
    neighbourOverflows: sum(intervals, "neighbourOverflows"),
    conntrackDropped: sum(intervals, "conntrackDropped"),
    throttledSec: sum(nodes, "throttledSec"),
    listenOverflows: sum(nodes, "listenOverflows"),
    listenDrops: sum(nodes, "listenDrops"),
    tcpTimeouts: sum(nodes, "tcpTimeouts"),
  };
}

function addPrograms(programs: readonly ForeignProgram[]): ForeignProgram[] {
  const byName = Map.groupBy(programs, ({ name }) => name);
  return [...byName]
    .map(([name, uses]) => ({ name, cpuSec: rounded(uses.reduce((total, { cpuSec }) => total + cpuSec, 0)) ?? 0 }))
    .toSorted((a, b) => b.cpuSec - a.cpuSec)
    .slice(0, PROGRAMS_SHOWN);
}

function describeCulprit({ foreign: { programs }, sampledSec, cpus }: GuardRecord): string {
  const [first] = programs;
  if (first === undefined) return "";
  return `, most of it ${first.name} (${percent(clampPct((100 * first.cpuSec) / (sampledSec * cpus)))})`;
}

function addUp(intervals: readonly HostInterval[]): HostInterval {
  const total = (name: keyof HostInterval) => sum(intervals, name);
  return {
    endMs: intervals.at(-1)?.endMs ?? 0,
    sec: total("sec") ?? 0,
    busySec: total("busySec") ?? 0,
    ownSec: total("ownSec") ?? 0,
    irqSec: total("irqSec") ?? 0,
    stealSec: total("stealSec") ?? 0,
    cpuPressureSec: total("cpuPressureSec"),
    softnetDropped: total("softnetDropped"),
    softnetSqueezed: total("softnetSqueezed"),
    neighbourOverflows: total("neighbourOverflows"),
    conntrackDropped: total("conntrackDropped"),
  };
}

/** @returns `null` where none of them tells. */
function sum<K extends string>(items: readonly Readonly<Record<K, number | null>>[], name: K): number | null {
  const told = items.flatMap((item) => item[name] ?? []);
  return told.length === 0 ? null : told.reduce((total, value) => total + value, 0);
}

const clampPct = (share: number): number => Math.min(100, Math.max(0, share));
const percent = (share: number): string => `${Math.round(share)} %`;
const rounded = <T extends number | null>(value: T): T =>
  (value === null ? null : Math.round(value * 1000) / 1000) as T;
