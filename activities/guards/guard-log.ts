/** What was sampled during a run, a JSON line for each look, so that a worker that takes over goes on where one died. */

import { appendFileSync, existsSync, mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { GuardEntry } from "#model/guards";

export class GuardLog {
  readonly #path: string;
  #hasWritten = false;

  constructor(path: string) {
    this.#path = path;
  }

  get exists(): boolean {
    return existsSync(this.#path);
  }

  append(entry: GuardEntry): void {
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const line = `${JSON.stringify(entry)}\n`;
    const isAfterWhole = this.#hasWritten;
    this.#hasWritten = false;
    // The last line may have no end: a predecessor died over it, or there was no room for all of it.
    appendFileSync(this.#path, isAfterWhole ? line : `\n${line}`, { mode: 0o600 });
    this.#hasWritten = true;
  }

  /** A last line that a dying worker did not finish is left out. */
  async read(): Promise<GuardEntry[]> {
    if (!this.exists) return [];
    const lines = (await readFile(this.#path, "utf8")).split("\n");
    return lines.flatMap((line) => parseLine(line) ?? []);
  }
}

function parseLine(line: string): GuardEntry | undefined {
  try {
    return JSON.parse(line) as GuardEntry;
  } catch {
    return undefined;
  }
}
