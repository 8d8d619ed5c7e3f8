/** All processes of this machine, and whose they are. */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseProcessStat } from "#activities/guards/proc-text";
import type { ProcessStat } from "#activities/guards/proc-text";

export interface Process extends ProcessStat {
  readonly args: readonly string[];
}

/** Parent of all kernel threads. */
const KTHREADD = 2;
const ENGINE = new Set(["dockerd", "containerd", "docker-proxy"]);
const TEMPORAL = new Set(["temporal", "temporal-server"]);
/** As Vitest names its processes. */
const TEST_RUNNER = /^node \(vitest/;

/** Reads the table again and again; a process's arguments are read once. */
export class ProcessTable {
  readonly #procDir: string;
  #args = new Map<string, readonly string[]>();

  constructor(procDir = "/proc") {
    this.#procDir = procDir;
  }

  read(): Process[] {
    const pids = readdirSync(this.#procDir).filter((name) => /^\d+$/.test(name));
    const known = new Map<string, readonly string[]>();
    const processes = pids.flatMap((pid) => {
      const stat = parseProcessStat(this.#readFile(pid, "stat") ?? "");
      if (stat === undefined) return [];
      // A program that starts another one in its place has a new name.
      const key = `${pid} ${stat.startTicks} ${stat.name}`;
      const args = this.#args.get(key) ?? (this.#readFile(pid, "cmdline") ?? "").split("\0");
      known.set(key, args);
      return [{ ...stat, args }];
    });
    this.#args = known;
    return processes;
  }

  /** @returns `undefined` where the process has ended, or may not be looked at. */
  #readFile(pid: string, name: string): string | undefined {
    try {
      return readFileSync(join(this.#procDir, pid, name), "utf8");
    } catch {
      return undefined;
    }
  }
}

export interface Owners {
  /** The worker. */
  readonly workerPid: number;
  /** The provider's ids of the run's nodes. Whatever has one among its arguments carries that node. */
  readonly nodeIds: readonly string[];
}

/** What belongs to a run, or serves it. All else is foreign. */
export interface Ownership {
  /** Own with all their descendants, by `keyOf`: what members used that have ended is found with their parents. */
  readonly families: ReadonlyMap<string, Process>;
  /** Own by themselves. */
  readonly alone: ReadonlyMap<string, Process>;
  readonly foreign: ReadonlyMap<string, Process>;
  /** The process that carries a node, such as its shim, by the node's id. */
  readonly carriers: ReadonlyMap<string, Process>;
  /** Those of the run's containers: `dockerd, process 123`. */
  readonly engines: readonly string[];
}

/**
 * Own are, with all their descendants: what carries a node, the worker, Temporal and the test runner; by themselves: the
 * engine, whose other containers are foreign, kernel threads, and what started the worker.
 */
export function ownershipOf(processes: readonly Process[], { workerPid, nodeIds }: Owners): Ownership {
  const byPid = new Map(processes.map((one) => [one.pid, one]));
  const ids = new Set(nodeIds);
  const carriers = new Map(
    processes
      .flatMap((one) => one.args.filter((arg) => ids.has(arg)).map((id) => [id, one] as const))
      // What a carrier forks has its arguments until it starts a program of its own.
      .filter(([id, { parent }]) => !byPid.get(parent)?.args.includes(id)),
  );
  const heads = new Set([workerPid, ...[...carriers.values()].map(({ pid }) => pid)]);
  for (const { pid, name } of processes) if (TEMPORAL.has(name) || TEST_RUNNER.test(name)) heads.add(pid);

  const ancestors = new Set(pedigreeOf(byPid.get(workerPid), byPid).map(({ pid }) => pid));
  const isInFamily = (one: Process) => pedigreeOf(one, byPid).some(({ pid }) => heads.has(pid));
  const family = new Set(processes.filter(isInFamily));
  const isAlone = ({ pid, parent, name }: Process) =>
    ENGINE.has(name) || pid === KTHREADD || parent === KTHREADD || ancestors.has(pid);
  const alone = new Set(processes.filter((one) => !family.has(one) && isAlone(one)));

  return {
    families: byKey(family),
    alone: byKey(alone),
    foreign: byKey(processes.filter((one) => !family.has(one) && !alone.has(one))),
    carriers,
    engines: enginesOf(processes, [...carriers.values()]).map(({ name, pid }) => `${name}, process ${pid},`),
  };
}

/**
 * The engines that the run's containers are on; all of the machine where that cannot be told. A container's shim is told
 * where its engine's containerd listens, in the folder of whose configuration that one, or the engine itself, is told.
 */
function enginesOf(processes: readonly Process[], carriers: readonly Process[]): Process[] {
  const engines = processes.filter(({ name }) => name === "dockerd");
  const folders = carriers.flatMap(({ args }) => {
    const address = args[args.indexOf("-address") + 1];
    return args.includes("-address") && address !== undefined ? [`${dirname(address)}/`] : [];
  });
  const isToldOf = ({ args }: Process) => args.some((arg) => folders.some((folder) => arg.includes(folder)));
  const serving = engines.filter((engine) =>
    processes.some((one) => (one === engine || one.parent === engine.pid) && isToldOf(one)),
  );
  return serving.length > 0 ? serving : engines;
}

/** Names a process for good: numbers are used again. */
const keyOf = ({ pid, startTicks }: Process): string => `${pid} ${startTicks}`;

const byKey = (processes: Iterable<Process>): ReadonlyMap<string, Process> =>
  new Map(Array.from(processes, (one) => [keyOf(one), one] as const));

/**
 * What the own processes used between two looks, in seconds. A process that ended in between counts with the parent that
 * waited for it, as far as that one is own; what it used since the first look is unknown else.
 */
export function ownCpuBetween(before: Ownership, after: Ownership): number {
  const all = new Map([...before.foreign, ...before.alone, ...before.families]);
  const usedBefore = (one: Process, of: (process: Process) => number) => {
    const then = all.get(keyOf(one));
    return then === undefined ? 0 : of(then);
  };
  const families = sum(after.families.values(), (one) => withChildren(one) - usedBefore(one, withChildren));
  const alone = sum(after.alone.values(), (one) => one.cpuSec - usedBefore(one, ({ cpuSec }) => cpuSec));
  const inherited = endedWithHeirs(before, after);
  return families + alone - sum(inherited, withChildren);
}

/** Those whose time has moved to a parent, where it was counted before. */
function endedWithHeirs(before: Ownership, after: Ownership): Process[] {
  const byPid = new Map([...before.families.values()].map((one) => [one.pid, one]));
  const groups = [after.families, after.alone, after.foreign];
  return [...before.families].flatMap(([key, one]) => {
    if (groups.some((group) => group.has(key))) return [];
    const heir = pedigreeOf(byPid.get(one.parent), byPid).find((ancestor) => after.families.has(keyOf(ancestor)));
    return heir === undefined ? [] : [one];
  });
}

const withChildren = ({ cpuSec, childrenCpuSec }: Process): number => cpuSec + childrenCpuSec;

const sum = (processes: Iterable<Process>, of: (process: Process) => number): number =>
  Array.from(processes, of).reduce((total, value) => total + value, 0);

/** The process and all it descends from, nearest first. */
function pedigreeOf(process: Process | undefined, byPid: ReadonlyMap<number, Process>): Process[] {
  const pedigree: Process[] = [];
  for (let one = process; one !== undefined && !pedigree.includes(one); one = byPid.get(one.parent)) pedigree.push(one);
  return pedigree;
}
