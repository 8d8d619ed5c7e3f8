/** Looks at this machine twice and says what happened in between. Reads /proc and cgroups only; some milliseconds a look. */

import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import {
  parseCgroupCpu,
  parseCgroupPlace,
  parseCpuTimes,
  parseNetstat,
  parsePressureSec,
  parseSoftnet,
  sumOfStatColumns,
} from "#activities/guards/proc-text";
import type { CgroupCpu, CpuTimes } from "#activities/guards/proc-text";
import { ownCpuBetween, ownershipOf, ProcessTable } from "#activities/guards/process-table";
import type { Ownership, Process } from "#activities/guards/process-table";
import type { ForeignProgram, HostInterval, NodeCounters } from "#model/guards";
import type { NodeHandle } from "#model/run";

const PROGRAMS_KEPT = 5;
/** A program that used less says nothing, and there are many. */
const LEAST_PROGRAM_SEC = 0.02;
const NAME_LENGTH = 32;
const SCRIPT = /^[^-][^=]*\.[cm]?[jt]s$/;

type HostCounters = Pick<
  HostInterval,
  "cpuPressureSec" | "softnetDropped" | "softnetSqueezed" | "neighbourOverflows" | "conntrackDropped"
>;

interface Look {
  readonly atMs: number;
  /** Milliseconds since 1970. */
  readonly wallMs: number;
  readonly cpu: CpuTimes;
  readonly ownership: Ownership;
  readonly counters: HostCounters;
}

export interface Reading {
  readonly interval: HostInterval;
  /** The foreign programs that used most. */
  readonly programs: readonly ForeignProgram[];
}

export class HostMeter {
  readonly #nodes: readonly NodeHandle[];
  readonly #table = new ProcessTable();
  #last: Look;

  /** @param nodes - Those whose load is not foreign. */
  constructor(nodes: readonly NodeHandle[]) {
    this.#nodes = nodes;
    this.#last = this.#look();
  }

  get cpus(): number {
    return this.#last.cpu.cpus;
  }

  get engines(): readonly string[] {
    return this.#last.ownership.engines;
  }

  /** Whether all nodes run on this machine, and may be seen. */
  get seesAllNodes(): boolean {
    return this.#nodes.every(({ id }) => this.#last.ownership.carriers.has(id));
  }

  /** What happened since the last reading. */
  read(): Reading {
    const before = this.#last;
    this.#last = this.#look();
    return { interval: intervalBetween(before, this.#last), programs: programsBetween(before, this.#last) };
  }

  /** Of each node, since it was created; as of the last reading. */
  readNodes(): NodeCounters[] {
    const { families, carriers } = this.#last.ownership;
    return this.#nodes.map(({ index, id }) => {
      const carrier = carriers.get(id);
      const children = [...families.values()].filter(({ parent }) => parent === carrier?.pid);
      // A native node's keeper also carries its log.
      const first = children.find((one) => placeOf(one)?.path.includes(id)) ?? children[0];
      return { node: index, ...cgroupOf(first, id), ...networkOf(first) };
    });
  }

  #look(): Look {
    const nodeIds = this.#nodes.map(({ id }) => id);
    return {
      atMs: performance.now(),
      wallMs: Date.now(),
      cpu: parseCpuTimes(readFileSync("/proc/stat", "utf8")),
      ownership: ownershipOf(this.#table.read(), { workerPid: process.pid, nodeIds }),
      counters: readHostCounters(),
    };
  }
}

function intervalBetween(before: Look, after: Look): HostInterval {
  const busySec = after.cpu.busySec - before.cpu.busySec;
  // Programs and processors are counted by different clocks.
  const ownSec = clamp(ownCpuBetween(before.ownership, after.ownership), 0, busySec);
  const grown = (name: keyof HostCounters) => difference(before.counters[name], after.counters[name]);
  return {
    endMs: after.wallMs,
    sec: (after.atMs - before.atMs) / 1000,
    busySec,
    ownSec,
    irqSec: after.cpu.irqSec - before.cpu.irqSec,
    stealSec: after.cpu.stealSec - before.cpu.stealSec,
    cpuPressureSec: grown("cpuPressureSec"),
    softnetDropped: grown("softnetDropped"),
    softnetSqueezed: grown("softnetSqueezed"),
    neighbourOverflows: grown("neighbourOverflows"),
    conntrackDropped: grown("conntrackDropped"),
  };
}

function programsBetween(before: Look, after: Look): ForeignProgram[] {
  const usedBefore = (key: string) => before.ownership.foreign.get(key)?.cpuSec ?? 0;
  return [...after.ownership.foreign]
    .map(([key, one]) => ({ name: shownName(one), cpuSec: one.cpuSec - usedBefore(key) }))
    .filter(({ cpuSec }) => cpuSec >= LEAST_PROGRAM_SEC)
    .toSorted((a, b) => b.cpuSec - a.cpuSec)
    .slice(0, PROGRAMS_KEPT);
}

/**
 * Anybody may choose a program's name, and it ends up in a reason. Node calls all that it runs by one name: its script
 * says more. No other argument is shown, since it may be secret.
 */
function shownName({ name, args: [program = "", ...rest] }: Process): string {
  const script = rest.find((arg) => SCRIPT.test(arg)) ?? "";
  const told = name === "MainThread" ? `${basename(program)} ${basename(script)}`.trim() || name : name;
  return told.replaceAll(/[^\w.:/() +-]/g, "?").slice(0, NAME_LENGTH);
}

function readHostCounters(): HostCounters {
  const pressure = readIfThere("/proc/pressure/cpu");
  const softnet = parseIfThere("/proc/net/softnet_stat", parseSoftnet);
  return {
    cpuPressureSec: pressure === undefined ? null : parsePressureSec(pressure),
    softnetDropped: softnet?.dropped ?? null,
    softnetSqueezed: softnet?.squeezed ?? null,
    neighbourOverflows: sumOfColumns("/proc/net/stat/arp_cache", ["table_fulls"]),
    conntrackDropped: sumOfColumns("/proc/net/stat/nf_conntrack", ["insert_failed", "drop", "early_drop"]),
  };
}

const NO_CGROUP: CgroupCpu = { cpuSec: null, throttledSec: null, throttledPeriods: null };

/** Only a cgroup that is the node's alone tells of the node. */
function cgroupOf(process: Process | undefined, nodeId: string): CgroupCpu {
  const place = process && placeOf(process);
  if (!place?.path.includes(nodeId)) return NO_CGROUP;
  const read = (controller: string, file: string) =>
    readIfThere(join("/sys/fs/cgroup", place.version === 1 ? controller : "", place.path, file));
  return parseCgroupCpu(read("cpu", "cpu.stat"), place.version === 1 ? read("cpuacct", "cpuacct.usage") : undefined);
}

const placeOf = ({ pid }: Process) => parseIfThere(`/proc/${pid}/cgroup`, parseCgroupPlace);

/** A node's own network: that of the first process in it. A virtual machine's is its own kernel's, which nobody here sees. */
function networkOf(
  process: Process | undefined,
): Pick<NodeCounters, "listenOverflows" | "listenDrops" | "tcpTimeouts"> {
  const isMachine = process?.name.startsWith("qemu-") === true;
  const text = process && !isMachine ? readIfThere(`/proc/${process.pid}/net/netstat`) : undefined;
  const counters = parseNetstat(text ?? "", "TcpExt");
  return {
    listenOverflows: counters.get("ListenOverflows") ?? null,
    listenDrops: counters.get("ListenDrops") ?? null,
    tcpTimeouts: counters.get("TCPTimeouts") ?? null,
  };
}

const sumOfColumns = (path: string, names: readonly string[]): number | null =>
  parseIfThere(path, (text) => sumOfStatColumns(text, names)) ?? null;

function parseIfThere<T>(path: string, parse: (text: string) => T): T | undefined {
  const text = readIfThere(path);
  return text === undefined ? undefined : parse(text);
}

/** Kernels differ in what they count, and processes end while they are looked at. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

const difference = (before: number | null, after: number | null): number | null =>
  before === null || after === null ? null : after - before;

const clamp = (value: number, least: number, most: number): number => Math.min(Math.max(value, least), most);
