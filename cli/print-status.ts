/** A sweep as it stands: its rows so far, and what is measured now. */

import type { Client } from "@temporalio/client";
import { note, printData } from "#cli/output";
import { describePause, describePlace, describeStep, describeTimeLeft } from "#cli/progress-text";
import { findSweepRows, noSuchSweep } from "#cli/results";
import { NoAnswerError, readRunView, readSweepProgress, readSweepState } from "#cli/sweep-client";
import type { RunView, SweepState } from "#cli/sweep-client";
import { ifTemporalAnswers, isUnderWay, statusOf } from "#cli/sweep-status";
import type { SweepDocument } from "#model/result-row";
import { formatSweepTable } from "#report/terminal-table";
import type { SweepProgress } from "#workflows/messages";

interface OpenSweep {
  readonly sweep: SweepProgress;
  readonly view?: RunView | undefined;
}

/** @throws {InputError} Where neither the store nor Temporal has such a sweep. */
export async function printStatus(sweepId: string, { json }: { json: boolean }): Promise<void> {
  const found = await findSweepRows(sweepId);
  const isEnded = found !== undefined && !isUnderWay(found.sweep.status);
  const asked = isEnded ? undefined : await ifTemporalAnswers((client) => lookAt(client, sweepId));
  if (!found && (asked === undefined || asked.state === "unknown")) throw noSuchSweep(sweepId);

  const rows = found?.rows ?? [];
  const isPaused = asked?.now?.sweep.isPaused ?? false;
  const status = isPaused ? "PAUSED" : asked ? statusOf(asked.state) : (found?.sweep.status ?? "OPEN");
  const document: SweepDocument = { sweep_id: sweepId, status, runs: rows };
  if (asked?.now) note(describeNow(asked.now));
  printData(
    json,
    asked?.now ? { ...document, progress: progressDocument(asked.now) } : document,
    formatSweepTable(rows),
  );
}

async function lookAt(client: Client, sweepId: string): Promise<{ state: SweepState; now?: OpenSweep | undefined }> {
  const state = await readSweepState(client, sweepId);
  if (state !== "open") return { state };
  try {
    const sweep = await readSweepProgress(client, sweepId);
    const view = sweep.currentRunId === undefined ? undefined : await readRunView(client, sweep.currentRunId);
    return { state, now: { sweep, view } };
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    note(error.message);
    return { state };
  }
}

function describeNow({ sweep, view }: OpenSweep): string {
  const nowMs = Date.now();
  const run = view ? [view.run.runId, describeStep(view, nowMs)] : [];
  const parts = [describePlace(sweep), describePause(sweep), ...run, describeTimeLeft(sweep, view, nowMs)];
  return parts.filter(Boolean).join("  ");
}

const progressDocument = ({ sweep, view }: OpenSweep) => ({
  runs_planned: sweep.runsPlanned,
  runs_done: sweep.runsDone,
  sec_left: sweep.secLeft,
  run_id: view?.run.runId ?? null,
  step: view?.run.step ?? null,
});
