/** Follows a sweep to its end: one live status line on a terminal, plain lines elsewhere. Reads only; may go at any time. */

import { isServerUnreachable } from "#worker/temporal-connection";
import type { Client } from "@temporalio/client";
import { setTimeout as delay } from "node:timers/promises";
import { note } from "#cli/output";
import { readRunProgress, readSweepProgress, readSweepState } from "#cli/sweep-client";
import type { SweepState } from "#cli/sweep-client";
import type { RunRow } from "#model/result-row";
import { formatDuration } from "#model/units";
import type { RunProgress, SweepProgress } from "#workflows/messages";
import type { StepProgress } from "#model/run";

const POLL_MS = 1000;

/**
 * Resolves when the sweep has ended, or when `signal` aborts (`"detached"`).
 */
export async function followSweep(
  client: Client,
  sweepId: string,
  signal: AbortSignal,
  lines: ProgressLines = process.stderr.isTTY ? new LiveLine() : new PlainLines(),
): Promise<SweepState | "detached"> {
  let isReachable = true;
  try {
    while (!signal.aborted) {
      try {
        const state = await showOnce(client, sweepId, lines);
        isReachable = true;
        if (state !== "open") return state;
      } catch (error) {
        if (!isServerUnreachable(error)) throw error;
        if (isReachable) lines.event("Temporal server unreachable, retrying; the sweep goes on without us");
        isReachable = false;
      }
      await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
    return "detached";
  } finally {
    lines.close();
  }
}

async function showOnce(client: Client, sweepId: string, lines: ProgressLines): Promise<SweepState> {
  // The state first: what the query then shows is at least as new, so that no finished run goes unreported.
  const state = (await readSweepState(client, sweepId)) ?? "terminated";
  if (state === "terminated") return state;
  const sweep = await readSweepProgress(client, sweepId);
  for (const row of sweep.lastRows.toReversed()) lines.finished(row);
  if (state !== "open") return state;
  const current = sweep.currentRunId && (await readRunProgress(client, sweep.currentRunId));
  lines.progress(describeProgress(sweep, current || undefined), current ? current.run.step : "queued");
  return state;
}

function describeProgress(
  sweep: SweepProgress,
  current: { run: RunProgress; progress?: StepProgress } | undefined,
): string {
  const place = `run ${Math.min(sweep.runsDone + 1, sweep.runsPlanned)}/${sweep.runsPlanned}`;
  if (!current) return `${place}  waiting for the host`;
  const { run, progress } = current;
  const sinceSec = Math.max(0, (Date.now() - Date.parse(run.stepStartedAt)) / 1000);
  const nodes = progress && progress.step === run.step ? `  nodes ${progress.nodesDone}/${progress.nodes}` : "";
  const tuples = progress?.tuplesExpected
    ? `  tuples ${Math.floor((100 * (progress.tuples ?? 0)) / progress.tuplesExpected)} %`
    : "";
  return `${place}  ${run.runId}  ${run.step}${nodes}${run.step === "main" ? tuples : ""}  ${formatDuration(Math.round(sinceSec))}`;
}

function describeRow(row: RunRow): string {
  const point = `${row.environment} ${row.mode} N=${row.nodes} D=${row.rate_per_min}`;
  const deviation = row.deviation_pct === null ? "" : `  deviation ${row.deviation_pct.toFixed(3)} %`;
  return `${row.status.padEnd(9)} ${row.run_id}  ${point}${deviation}${row.reason && `  ${row.reason}`}`;
}

/** Where progress is shown. `finished` may hear of a row many times and shows it once. */
abstract class ProgressLines {
  readonly #shown = new Set<string>();

  finished(row: RunRow): void {
    if (this.#shown.has(row.run_id)) return;
    this.#shown.add(row.run_id);
    this.event(describeRow(row));
  }

  /** Something that stays on screen. */
  abstract event(line: string): void;
  /** What goes on now; `step` tells when a plain log should have a new line. */
  abstract progress(line: string, step: string): void;
  abstract close(): void;
}

/** One line that is written over, above it what has finished. */
class LiveLine extends ProgressLines {
  readonly #eraseLine = "\r\x1b[K";

  event(line: string): void {
    process.stderr.write(`${this.#eraseLine}${line}\n`);
  }

  progress(line: string): void {
    process.stderr.write(`${this.#eraseLine}${line.slice(0, (process.stderr.columns || 80) - 1)}`);
  }

  close(): void {
    process.stderr.write(this.#eraseLine);
  }
}

/** A line for each step that begins. */
class PlainLines extends ProgressLines {
  #last = "";

  event(line: string): void {
    note(line);
  }

  progress(line: string, step: string): void {
    const key = `${line.split("  ").slice(0, 2).join()} ${step}`;
    if (key !== this.#last) note(line);
    this.#last = key;
  }

  close(): void {}
}
