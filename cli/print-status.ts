/** A sweep as it stands: its rows so far, and what is measured now. */

import type { Client } from "@temporalio/client";
import { note, printData } from "#cli/output";
import { describePause, describePlace, describeStep, describeTimeLeft } from "#cli/progress-text";
import { findSweepRows, listNotes, noSuchSweep } from "#cli/results";
import { NoAnswerError, readRunView, readSweepProgress, readSweepState } from "#cli/sweep-client";
import type { RunView, SweepState } from "#cli/sweep-client";
import { ifTemporalAnswers, isUnderWay, statusOf } from "#cli/sweep-status";
import type { SweepDocument } from "#model/result-row";
import { formatSweepTable } from "#report/terminal-table";
import type { RunNote } from "#model/run-notes";
import type { SweepProgress } from "#model/sweep-progress";

interface OpenSweep {
  readonly sweep: SweepProgress;
  /** Of the runs under way, at most one on each host. */
  readonly views: readonly RunView[];
}

/** @throws {InputError} Where neither the store nor Temporal has such a sweep. */
export async function printStatus(sweepId: string, { json }: { json: boolean }): Promise<void> {
  const found = await findSweepRows(sweepId);
  const isEnded = found !== undefined && !isUnderWay(found.sweep.status);
  const asked = isEnded ? undefined : await ifTemporalAnswers((client) => lookAt(client, sweepId));
  if (!found && (asked === undefined || asked.state === "unknown")) throw noSuchSweep(sweepId);

  const rows = found?.rows ?? [];
  // Evidence is read for them, which would disturb a run under way.
  const notes = isEnded ? await listNotes(sweepId) : [];
  const isPaused = asked?.now?.sweep.isPaused ?? false;
  const status = isPaused ? "PAUSED" : asked ? statusOf(asked.state) : (found?.sweep.status ?? "OPEN");
  const document: SweepDocument = { sweep_id: sweepId, status, runs: rows, ...notesDocument(notes) };
  if (asked?.now) note(describeNow(asked.now));
  printData(
    json,
    asked?.now ? { ...document, progress: progressDocument(asked.now) } : document,
    [formatSweepTable(rows), ...notes.map(({ runId, text }) => `${runId}: ${text}`)].join("\n"),
  );
}

const notesDocument = (notes: readonly RunNote[]): Pick<SweepDocument, "notes"> =>
  notes.length === 0 ? {} : { notes: notes.map(({ runId, text }) => ({ run_id: runId, note: text })) };

async function lookAt(client: Client, sweepId: string): Promise<{ state: SweepState; now?: OpenSweep | undefined }> {
  const state = await readSweepState(client, sweepId);
  if (state !== "open") return { state };
  try {
    const sweep = await readSweepProgress(client, sweepId);
    const views = await Promise.all(sweep.currentRunIds.map((runId) => readRunView(client, runId)));
    return { state, now: { sweep, views: views.filter((view) => view !== undefined) } };
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    note(error.message);
    return { state };
  }
}

/** One line; where several hosts measure, one for each of them as well. */
function describeNow({ sweep, views }: OpenSweep): string {
  const nowMs = Date.now();
  const runs = views.map((view) => `${view.run.runId}  ${describeStep(view, nowMs)}`);
  const [view] = views;
  const isAlone = runs.length <= 1;
  const parts = [describePlace(sweep), describePause(sweep), ...(isAlone ? runs : [])];
  const head = [...parts, describeTimeLeft(sweep, isAlone ? view : undefined, nowMs)].filter(Boolean).join("  ");
  return [head, ...(isAlone ? [] : runs)].join("\n");
}

const progressDocument = ({ sweep, views }: OpenSweep) => ({
  runs_planned: sweep.runsPlanned,
  runs_done: sweep.runsDone,
  sec_left: sweep.secLeft,
  run_id: views[0]?.run.runId ?? null,
  step: views[0]?.run.step ?? null,
  runs: views.map(({ run: { runId, step } }) => ({ run_id: runId, step })),
});
