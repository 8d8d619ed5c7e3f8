/** What the nodes of a disturbed run printed, kept past their removal: its reason points there. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ignoring } from "#activities/ignoring";
import type { NodeProvider } from "#activities/providers/provider";
import { writeWhole } from "#activities/results/write-whole";
import { sweepIdOf } from "#model/ids";
import { maskSecrets } from "#model/mask-secrets";

const KEPT_BYTES = 64 * 1024;

export class KeptLogs {
  readonly #dir: string;

  /** @param dir - A folder of its own; a run's logs are in `<runId>/node-<index>.log`. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Keeps the end of each node's log. A node that is gone has none; its run is told about all the same. */
  async keep(provider: NodeProvider, runId: string, nodeCount: number): Promise<void> {
    const indices = Array.from({ length: nodeCount }, (_, position) => position + 1);
    await Promise.allSettled(indices.map((index) => this.#keepOne(provider, runId, index)));
  }

  /** @returns `undefined` where none was kept. */
  read(runId: string, nodeIndex: number): Promise<string | undefined> {
    return ignoring("ENOENT", readFile(this.#pathOf(runId, nodeIndex), "utf8"));
  }

  async #keepOne(provider: NodeProvider, runId: string, nodeIndex: number): Promise<void> {
    const text = maskSecrets(await provider.readLogs(runId, nodeIndex));
    await writeWhole(this.#pathOf(runId, nodeIndex), Buffer.from(text).subarray(-KEPT_BYTES));
  }

  #pathOf(runId: string, nodeIndex: number): string {
    sweepIdOf(runId); // refuses what is no run id
    return join(this.#dir, runId, `node-${nodeIndex}.log`);
  }
}
