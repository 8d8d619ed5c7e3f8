/** Where progress is shown: one live line on a terminal, plain lines elsewhere. On stderr, beside the data. */

import { note } from "#cli/output";
import { describePause, describePlace, describeRow, describeStep, describeTimeLeft } from "#cli/progress-text";
import type { RunView } from "#cli/sweep-client";
import type { RunRow } from "#model/result-row";
import type { SweepProgress } from "#model/sweep-progress";

export function openProgressDisplay(): ProgressDisplay {
  return process.stderr.isTTY ? new LiveLine() : new PlainLines();
}

export abstract class ProgressDisplay {
  readonly #shown = new Set<string>();

  /** May hear of a row many times, and shows it once. */
  finished(row: RunRow): void {
    if (this.#shown.has(row.run_id)) return;
    this.#shown.add(row.run_id);
    this.event(describeRow(row));
  }

  /** Something that stays on screen. */
  abstract event(line: string): void;
  /** What goes on now. */
  abstract progress(sweep: SweepProgress, view: RunView | undefined): void;
  abstract close(): void;
}

/** One line that is written over, above it what has finished. */
class LiveLine extends ProgressDisplay {
  readonly #eraseLine = "\r\x1b[K";

  event(line: string): void {
    process.stderr.write(`${this.#eraseLine}${line}\n`);
  }

  progress(sweep: SweepProgress, view: RunView | undefined): void {
    const now = Date.now();
    const step = view ? describeStep(view, now) : sweep.isPaused ? "" : "starts";
    const parts = [describePlace(sweep), describePause(sweep), step, describeTimeLeft(sweep, view, now), view?.title];
    const line = parts.filter(Boolean).join("  ");
    process.stderr.write(`${this.#eraseLine}${line.slice(0, (process.stderr.columns || 80) - 1)}`);
  }

  close(): void {
    process.stderr.write(this.#eraseLine);
  }
}

/** A line for each run, and one now and then while it lasts: logs are read later. */
export class PlainLines extends ProgressDisplay {
  readonly #everyMs: number;
  readonly #write: (line: string) => void;
  #runId: string | undefined;
  #lastMs = 0;
  #isPaused = false;

  constructor({ everyMs = 15_000, write = note }: { everyMs?: number; write?: (line: string) => void } = {}) {
    super();
    this.#everyMs = everyMs;
    this.#write = write;
  }

  event(line: string): void {
    this.#write(line);
  }

  progress(sweep: SweepProgress, view: RunView | undefined): void {
    const now = Date.now();
    if (sweep.isPaused !== this.#isPaused) {
      this.#isPaused = sweep.isPaused;
      this.#write([describePlace(sweep), describePause(sweep) || "goes on"].join("  "));
    }
    if (view === undefined) return;
    const { runId } = view.run;
    const isNew = runId !== this.#runId;
    if (!isNew && now - this.#lastMs < this.#everyMs) return;
    const what = isNew ? [runId, view.title] : [describeStep(view, now)];
    this.#write([describePlace(sweep), ...what, describeTimeLeft(sweep, view, now)].filter(Boolean).join("  "));
    this.#runId = runId;
    this.#lastMs = now;
  }

  close(): void {}
}
