/** Packing a node image keeps processors and engine busy for up to a minute: builds and runs stay out of each other's way. */

import type { FenceHolder } from "#activities/fence/fence-mark";
import { sleep } from "#activities/timing";
import { BenchError } from "#model/errors";

export interface BuildTiming {
  /** How often it is looked whether the machine is free, in milliseconds. */
  readonly pollMs: number;
  readonly waitMs: number;
}

/** Those of one worker, for all of its hosts: they are on one machine. */
export class ImageBuilds {
  #underWay = 0;

  /**
   * Builds as soon as no run has the machine.
   * @throws {BenchError} `busy host` where runs had it for `waitMs`.
   */
  async build<T>(
    build: () => Promise<T>,
    findHolder: () => Promise<FenceHolder | undefined>,
    { pollMs, waitMs }: BuildTiming,
    signal: AbortSignal,
  ): Promise<T> {
    const startedMs = performance.now();
    for (;;) {
      // A run takes the machine, then looks for builds; here it is the other way round: of two at once one sees the other.
      this.#underWay++;
      let holder: FenceHolder | undefined;
      try {
        holder = await findHolder();
        if (holder === undefined) return await build();
      } finally {
        this.#underWay--;
      }
      if (performance.now() - startedMs > waitMs) throw stillMeasuring(holder, waitMs);
      await sleep(pollMs, signal);
    }
  }

  /** For a run that has the machine: what began before it ends in minutes, and nothing begins any more. */
  async awaitNone(pollMs: number, signal: AbortSignal, onWait: (what: string) => void): Promise<void> {
    while (this.#underWay > 0) {
      onWait("a node image that is being built here");
      await sleep(pollMs, signal);
    }
  }
}

function stillMeasuring({ runId, where }: FenceHolder, waitMs: number): BenchError {
  const who = runId === "" ? "somebody" : `run ${runId}`;
  const waited = `after ${Math.round(waitMs / 60_000)} min of waiting`;
  return new BenchError("busy host", `no image is built while ${who} has this machine (${where}), ${waited}`);
}
