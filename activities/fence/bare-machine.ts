/**
 * For nodes that no engine makes: the machine's own mark is the only one. What is left to say is which nodes are meant,
 * so that the mark of a dead worker whose nodes are gone holds up nobody.
 */

import { readFile } from "node:fs/promises";
import type { EngineFence, FenceHolder } from "#activities/fence/fence-mark";
import type { ProviderName } from "#model/spec";

export class BareMachine implements EngineFence {
  readonly #provider: ProviderName;

  constructor(provider: ProviderName) {
    this.#provider = provider;
  }

  /** Of this machine since it was started: what ran before has ended. */
  async engineId(): Promise<string> {
    return `${this.#provider} ${(await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim()}`;
  }

  async take(): Promise<undefined> {}

  async holds(): Promise<boolean> {
    return true;
  }

  async list(): Promise<FenceHolder[]> {
    return [];
  }

  async release(): Promise<void> {}
}
