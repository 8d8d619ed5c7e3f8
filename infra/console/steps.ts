/** Long steps that say what they do: one live line on a terminal, plain lines elsewhere. All of it on stderr. */

import { formatDuration } from "#model/units";

/** Handed to a step's work. */
export interface Step {
  /** What it is doing now, one line. */
  readonly detail: (text: string) => void;
}

/** Where progress goes; a terminal is rewritten in place. */
export interface ProgressOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const LIVE_INTERVAL_MS = 1000;
const PLAIN_INTERVAL_MS = 15_000;

export class Steps {
  readonly #output: ProgressOutput;

  constructor(output: ProgressOutput = process.stderr) {
    this.#output = output;
  }

  /** Does the work and shows how long it has taken so far, what it is at, and how it ended. */
  async run<T>(title: string, work: (step: Step) => Promise<T>): Promise<T> {
    const startedAt = performance.now();
    let detail = "";
    const line = (mark: string, end: string) => `${mark} ${title}: ${end}`;
    const elapsed = () => formatDuration((performance.now() - startedAt) / 1000);
    const show = () => this.#progress(line("…", [elapsed(), detail].filter(Boolean).join(", ")));
    if (!this.#output.isTTY) this.#output.write(`… ${title}\n`);
    const timer = setInterval(show, this.#output.isTTY ? LIVE_INTERVAL_MS : PLAIN_INTERVAL_MS);
    const setDetail = (text: string) => {
      detail = text.trim();
      if (this.#output.isTTY) show();
    };
    try {
      const result = await work({ detail: setDetail });
      this.#final(line("✓", `done in ${elapsed()}`));
      return result;
    } catch (error) {
      this.#final(line("✗", `failed after ${elapsed()}`));
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  /** One line that stays: what was found, what is skipped and why. */
  note(text: string): void {
    this.#final(text);
  }

  #progress(text: string): void {
    if (this.#output.isTTY) this.#output.write(`\r\x1b[K${text.slice(0, (this.#output.columns ?? 80) - 1)}`);
    else this.#output.write(`${text}\n`);
  }

  #final(text: string): void {
    this.#output.write(`${this.#output.isTTY ? "\r\x1b[K" : ""}${text}\n`);
  }
}
