/** Control groups of native nodes and machines: one for each, with the processors and the memory that its environment declares. */

import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ignoring } from "#activities/ignoring";
import { BenchError } from "#model/errors";

const MIB = 1024 * 1024;
const PERIOD_US = 100_000;
const PARENT = "meshbench";

/** Where this machine has its control groups mounted. */
export interface CgroupMounts {
  readonly version: 1 | 2;
  /** Of every hierarchy. */
  readonly roots: readonly string[];
  /** Those that nodes have groups in: by controller with version 1, one with version 2. */
  readonly cpu: string;
  readonly memory: string;
  /** Only counts. Version 2 counts with `cpu`. */
  readonly cpuacct?: string;
}

export interface NodeLimits {
  readonly cpus: number;
  readonly memoryMib: number;
}

/**
 * In a mixed set-up the controllers are version 1's.
 * @param mounts - As in /proc/mounts.
 * @throws {BenchError} `engine unavailable` where none are mounted that can limit a node.
 */
export function parseCgroupMounts(mounts: string): CgroupMounts {
  const all = mounts.split("\n").map((line) => {
    const [, path = "", type = "", options = ""] = line.split(" ");
    return { path, type, options: options.split(",") };
  });
  const roots = all.filter(({ type }) => type === "cgroup" || type === "cgroup2").map(({ path }) => path);
  const controller = (name: string) =>
    all.find(({ type, options }) => type === "cgroup" && options.includes(name))?.path;
  const [cpu, memory, cpuacct] = ["cpu", "memory", "cpuacct"].map(controller);
  if (cpu !== undefined && memory !== undefined) {
    return { version: 1, roots, cpu, memory, ...(cpuacct !== undefined && { cpuacct }) };
  }
  const unified = all.find(({ type }) => type === "cgroup2")?.path;
  if (unified === undefined) throw new BenchError("engine unavailable", "no control groups are mounted here");
  return { version: 2, roots, cpu: unified, memory: unified };
}

export class NodeCgroups {
  readonly #mounts: CgroupMounts;

  constructor(mounts: CgroupMounts) {
    this.#mounts = mounts;
  }

  static async open(): Promise<NodeCgroups> {
    return new NodeCgroups(parseCgroupMounts(await readFile("/proc/mounts", "utf8")));
  }

  /** What is in these has no limits of anybody's. */
  get roots(): readonly string[] {
    return this.#mounts.roots;
  }

  get version(): 1 | 2 {
    return this.#mounts.version;
  }

  /** The node's own, whether they are there or not. */
  foldersOf(nodeId: string): string[] {
    const { cpu, memory, cpuacct } = this.#mounts;
    const parents = new Set([cpu, memory, ...(cpuacct === undefined ? [] : [cpuacct])]);
    return [...parents].map((parent) => join(parent, PARENT, nodeId));
  }

  /** Safe to repeat. */
  async ensure(nodeId: string, limits: NodeLimits): Promise<void> {
    if (this.#mounts.version === 2) await this.#delegate();
    for (const folder of this.foldersOf(nodeId)) await mkdir(folder, { recursive: true });
    for (const [file, value] of this.#settings(nodeId, limits)) await writeSetting(file, value);
    // Where swap is not accounted for there is no such file, nor is there a node's share of it to limit.
    await ignoring("ENOENT", writeSetting(...this.#noSwap(nodeId, limits)));
  }

  /** All processes in the node's groups, keeper excepted. */
  async processesOf(nodeId: string): Promise<number[]> {
    const lists = await Promise.all(
      // One that goes while it is read is no device any more.
      this.foldersOf(nodeId).map((folder) => ignoring("ENODEV", ignoring("ENOENT", readMembers(folder)))),
    );
    const pids = lists.flatMap((list) => (list ?? "").split("\n").filter(Boolean).map(Number));
    return [...new Set(pids)];
  }

  /** How many processes of the node were killed for memory. */
  async memoryKillsOf(nodeId: string): Promise<number> {
    const { memory, version } = this.#mounts;
    const file = join(memory, PARENT, nodeId, version === 1 ? "memory.oom_control" : "memory.events");
    const text = await ignoring("ENOENT", readFile(file, "utf8"));
    return Number(/^oom_kill (\d+)$/m.exec(text ?? "")?.[1] ?? 0);
  }

  /** Once nothing is in them. */
  async remove(nodeId: string): Promise<void> {
    for (const folder of this.foldersOf(nodeId)) await ignoring("ENOENT", rmdir(folder));
  }

  /** Groups have the controllers that their parents hand on. */
  async #delegate(): Promise<void> {
    const { cpu: root } = this.#mounts;
    await mkdir(join(root, PARENT), { recursive: true });
    for (const folder of [root, join(root, PARENT)]) {
      await writeSetting(join(folder, "cgroup.subtree_control"), "+cpu +memory");
    }
  }

  #settings(nodeId: string, { cpus, memoryMib }: NodeLimits): [file: string, value: string][] {
    const { version, cpu, memory } = this.#mounts;
    const quotaUs = Math.round(cpus * PERIOD_US);
    const bytes = String(memoryMib * MIB);
    const [cpuFolder, memoryFolder] = [join(cpu, PARENT, nodeId), join(memory, PARENT, nodeId)];
    if (version === 2) {
      return [
        [join(cpuFolder, "cpu.max"), `${quotaUs} ${PERIOD_US}`],
        [join(memoryFolder, "memory.max"), bytes],
      ];
    }
    return [
      [join(cpuFolder, "cpu.cfs_period_us"), String(PERIOD_US)],
      [join(cpuFolder, "cpu.cfs_quota_us"), String(quotaUs)],
      [join(memoryFolder, "memory.limit_in_bytes"), bytes],
    ];
  }

  #noSwap(nodeId: string, { memoryMib }: NodeLimits): [file: string, value: string] {
    const folder = join(this.#mounts.memory, PARENT, nodeId);
    if (this.#mounts.version === 2) return [join(folder, "memory.swap.max"), "0"];
    return [join(folder, "memory.memsw.limit_in_bytes"), String(memoryMib * MIB)];
  }
}

/** Control files are there or not: none can be made. */
const writeSetting = (file: string, value: string): Promise<void> => writeFile(file, value, { flag: "r+" });

const readMembers = (folder: string): Promise<string> => readFile(join(folder, "cgroup.procs"), "utf8");
