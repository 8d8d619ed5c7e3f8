/** The texts of /proc and of cgroups, read. A counter that a kernel does not have is `null`. */

/** Linux counts CPU in ticks of 10 ms for programs, on every architecture that Node runs on. */
const TICKS_PER_SEC = 100;

/** Since boot, all processors together, in seconds. */
export interface CpuTimes {
  readonly cpus: number;
  readonly busySec: number;
  readonly irqSec: number;
  readonly stealSec: number;
}

/** @param text - /proc/stat */
export function parseCpuTimes(text: string): CpuTimes {
  const lines = text.split("\n");
  const [user, nice, system, , , irq, softirq, steal] = numbersOf(lines[0] ?? "");
  return {
    cpus: lines.filter((line) => /^cpu\d/.test(line)).length,
    busySec: ((user ?? 0) + (nice ?? 0) + (system ?? 0)) / TICKS_PER_SEC,
    irqSec: ((irq ?? 0) + (softirq ?? 0)) / TICKS_PER_SEC,
    stealSec: (steal ?? 0) / TICKS_PER_SEC,
  };
}

/** @param text - /proc/net/softnet_stat: a line for each processor, hexadecimal. */
export function parseSoftnet(text: string): { dropped: number; squeezed: number } {
  const rows = text
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(fromHex));
  const total = (column: number) => rows.reduce((sum, row) => sum + (row[column] ?? 0), 0);
  return { dropped: total(1), squeezed: total(2) };
}

/**
 * @param text - A file of /proc/net/stat: names, then a line for each processor, hexadecimal.
 * @returns The sum of the columns with these names; `null` where there is none of them.
 */
export function sumOfStatColumns(text: string, names: readonly string[]): number | null {
  const [head = "", ...lines] = text.trim().split("\n");
  const titles = head.trim().split(/\s+/);
  const columns = names.map((name) => titles.indexOf(name)).filter((column) => column >= 0);
  if (columns.length === 0) return null;
  return lines
    .map((line) => line.trim().split(/\s+/).map(fromHex))
    .reduce((sum, row) => sum + columns.reduce((part, column) => part + (row[column] ?? 0), 0), 0);
}

/**
 * @param text - /proc/net/netstat or /proc/net/snmp: pairs of lines, names and values.
 * @param protocol - Such as `TcpExt`.
 */
export function parseNetstat(text: string, protocol: string): ReadonlyMap<string, number> {
  const [names, values] = text
    .split("\n")
    .filter((line) => line.startsWith(`${protocol}:`))
    .map((line) => line.split(/\s+/).slice(1));
  return new Map((names ?? []).map((name, position) => [name, Number(values?.[position] ?? 0)]));
}

/** @param text - /proc/pressure/cpu. */
export function parsePressureSec(text: string): number | null {
  const total = /^some .*total=(\d+)/m.exec(text)?.[1];
  return total === undefined ? null : Number(total) / 1e6;
}

export interface CgroupCpu {
  readonly cpuSec: number | null;
  readonly throttledSec: number | null;
  readonly throttledPeriods: number | null;
}

/**
 * @param stat - `cpu.stat` of version 2 (microseconds) or of version 1 (nanoseconds).
 * @param usage - `cpuacct.usage` of version 1, in nanoseconds.
 */
export function parseCgroupCpu(stat: string | undefined, usage?: string): CgroupCpu {
  const values = new Map((stat ?? "").split("\n").map((line) => line.split(" ") as [string, string]));
  const read = (name: string, unitsPerSec: number) => {
    const value = values.get(name);
    return value === undefined ? null : Number(value) / unitsPerSec;
  };
  return {
    cpuSec: read("usage_usec", 1e6) ?? (usage === undefined ? null : Number(usage) / 1e9),
    throttledSec: read("throttled_usec", 1e6) ?? read("throttled_time", 1e9),
    throttledPeriods: read("nr_throttled", 1),
  };
}

/** Where a process is accounted. Version 1 has a hierarchy for each controller. */
export interface CgroupPlace {
  readonly version: 1 | 2;
  readonly path: string;
}

/** @param text - /proc/<pid>/cgroup. In a mixed set-up the controllers are version 1's. */
export function parseCgroupPlace(text: string): CgroupPlace | undefined {
  const first = /^\d+:(?:[^:]*,)?cpu(?:,[^:]*)?:(.*)$/m.exec(text)?.[1];
  if (first !== undefined) return { version: 1, path: first };
  const second = /^0::(.*)$/m.exec(text)?.[1];
  return second === undefined ? undefined : { version: 2, path: second };
}

/** One process, as /proc/<pid>/stat has it. */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  /** What it calls itself, 15 characters at most. */
  readonly name: string;
  readonly startTicks: number;
  /** Its own. */
  readonly cpuSec: number;
  /** Of those of its children that have ended. */
  readonly childrenCpuSec: number;
}

/** @returns `undefined` for what is no such text. A name may hold anything, brackets and line breaks too. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const [open, close] = [text.indexOf("("), text.lastIndexOf(")")];
  const fields = text.slice(close + 2).split(" ");
  if (open < 0 || close < 0 || fields.length < 20) return undefined;
  const field = (number: number) => Number(fields[number - 3]); // counted from 1, as in proc(5)
  return {
    pid: Number(text.slice(0, open)),
    parent: field(4),
    name: text.slice(open + 1, close),
    startTicks: field(22),
    cpuSec: (field(14) + field(15)) / TICKS_PER_SEC,
    childrenCpuSec: (field(16) + field(17)) / TICKS_PER_SEC,
  };
}

const numbersOf = (line: string): number[] => line.trim().split(/\s+/).slice(1).map(Number);

const fromHex = (text: string): number => Number.parseInt(text, 16);
