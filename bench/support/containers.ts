/** What the containers of runs take of this machine's memory, seen from outside. */

import { readFile, readlink } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Docker from "dockerode";
import pLimit from "p-limit";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import { LABEL } from "#model/ids";

const QUESTIONS_AT_ONCE = 8;
const SAMPLE_EVERY_MS = 5_000;
const BYTES_PER_MB = 1e6;

/** PSS of each process of a node, in MB: shared pages count by the share. */
export interface NodeMemory {
  readonly programMb: number;
  readonly databaseMb: number;
}

/** The largest that was seen while `work` ran. */
export interface MemoryPeaks {
  /** By container, of those that had both processes. */
  readonly nodes: readonly NodeMemory[];
  /** As the engine counts it: processes, RAM disks and page cache of all containers together. */
  readonly totalMb: number;
}

export class MemoryWatch {
  readonly #docker = new Docker(resolveDockerEndpoint().options);
  readonly #nodes = new Map<string, NodeMemory>();
  readonly #slots = pLimit(QUESTIONS_AT_ONCE);
  #totalMb = 0;

  async during<T>(work: () => Promise<T>): Promise<[result: T, peaks: MemoryPeaks]> {
    const stop = new AbortController();
    const sampling = this.#sampleUntil(stop.signal);
    try {
      const result = await work();
      return [result, { nodes: [...this.#nodes.values()], totalMb: this.#totalMb }];
    } finally {
      stop.abort();
      await sampling;
    }
  }

  async #sampleUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#sample();
      await delay(SAMPLE_EVERY_MS, undefined, { signal }).catch(() => {});
    }
  }

  async #sample(): Promise<void> {
    const containers = await this.#docker.listContainers({ filters: { label: [LABEL.node] } });
    const usages = await Promise.all(containers.map(({ Id }) => this.#slots(() => this.#look(Id))));
    this.#totalMb = Math.max(
      this.#totalMb,
      usages.reduce((sum, usage) => sum + usage, 0),
    );
  }

  /** A container that goes meanwhile takes nothing. */
  async #look(id: string): Promise<number> {
    try {
      const container = this.#docker.getContainer(id);
      const { Processes } = (await container.top({ ps_args: "-o pid" })) as { Processes: [pid: string][] };
      await this.#note(
        id,
        Processes.map(([pid]) => pid),
      );
      const stats = await container.stats({ stream: false, "one-shot": true });
      return (stats.memory_stats.usage ?? 0) / BYTES_PER_MB;
    } catch {
      return 0;
    }
  }

  async #note(id: string, pids: readonly string[]): Promise<void> {
    const names = await Promise.all(pids.map(programOf));
    const [program, database] = [pids[names.indexOf("node")], pids[names.indexOf("mariadbd")]];
    if (program === undefined || database === undefined) return;
    const before = this.#nodes.get(id) ?? { programMb: 0, databaseMb: 0 };
    this.#nodes.set(id, {
      programMb: Math.max(before.programMb, await pssMbOf(program)),
      databaseMb: Math.max(before.databaseMb, await pssMbOf(database)),
    });
  }
}

/** By its file: Node gives its main thread a name of its own. */
const programOf = async (pid: string): Promise<string> => basename(await readlink(`/proc/${pid}/exe`));

async function pssMbOf(pid: string): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  return (Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1]) * 1024) / BYTES_PER_MB;
}
