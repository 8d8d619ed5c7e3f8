/** A set of runs from one spec: one at a time on each host, in the plan's order, until every repetition has its run. */

import {
  CancellationScope,
  CancelledFailure,
  ChildWorkflowFailure,
  continueAsNew,
  executeChild,
  isCancellation,
  upsertSearchAttributes,
  workflowInfo,
} from "@temporalio/workflow";
import { UNKNOWN_STEP } from "#model/errors";
import { runIdOf, runWorkflowId, sweepWorkflowId } from "#model/ids";
import type { RunRow } from "#model/result-row";
import type { RunSpec, SweepRecord } from "#model/run";
import { deservesFreshRun, rowOfUnfinishedRun } from "#model/run-row";
import { benchmarkRunWorkflow } from "#workflows/benchmark-run";
import { leaveLine } from "#workflows/host-lease";
import type { BenchmarkRunInput, RunPlace, SweepInput, SweepSummary, SweepTask } from "#workflows/messages";
import { describeRun, describeRunFully, statusAttribute } from "#workflows/search-attributes";
import { storeActivities } from "#workflows/step-options";
import { SweepJournal } from "#workflows/sweep-journal";
import { openSweep } from "#workflows/sweep-opening";
import { SweepPause } from "#workflows/sweep-pause";
import { saveSweep } from "#workflows/sweep-record";

interface Sweep {
  readonly input: SweepInput;
  readonly journal: SweepJournal;
  readonly pause: SweepPause;
}

/**
 * Pins the environments, then measures. Hosts go on beside each other, each with its own part of the order.
 * @throws {ApplicationFailure} Of the failure's kind, where an environment cannot be prepared; nothing was created then.
 * @throws {CancelledFailure} On cancellation, once the run under way is torn down and recorded.
 */
export async function sweepWorkflow(input: SweepInput): Promise<SweepSummary> {
  const journal = new SweepJournal(input);
  const pause = new SweepPause(input, journal);
  const sweep = { input, journal, pause };
  CancellationScope.current().cancelRequested.catch(() => pause.refuseFromNow());
  try {
    if (input.carried === undefined) await pause.opening(openSweep(input, journal));
    // Settled, not all: where one host's part breaks off, the others' runs still have to be torn down.
    const parts = await Promise.allSettled(journal.hosts.map((host) => measureOn(host, sweep)));
    for (const part of parts) if (part.status === "rejected") throw part.reason;
    if (journal.runsLeft > 0) {
      await pause.settled();
      // One that came while no part could hear of it; a new history would know nothing of it.
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure("cancelled");
    }
  } catch (error) {
    const status = isCancellation(error) ? "CANCELLED" : "FAILED";
    await closeSweep(sweep, status);
    throw error;
  }
  if (journal.runsLeft > 0) await continueAsNew<typeof sweepWorkflow>({ ...input, carried: journal.carried });
  await closeSweep(sweep, "DONE");
  return journal.summary;
}

/** Whatever is asked of it meanwhile, it has ended. */
function closeSweep(
  { input, journal, pause }: Sweep,
  status: Exclude<SweepRecord["status"], "OPEN" | "PAUSED">,
): Promise<void> {
  return CancellationScope.nonCancellable(async () => {
    pause.refuseFromNow();
    await pause.settled();
    for (const host of journal.hosts) await leaveLine(host, sweepWorkflowId(input.sweepId));
    await saveSweep(input, journal, status);
    upsertSearchAttributes([statusAttribute(status)]);
  });
}

/** Ends early where the history grows long: what is left goes on in a new one. */
async function measureOn(host: string, sweep: Sweep): Promise<void> {
  for (const task of sweep.journal.tasksOn(host)) {
    await sweep.pause.untilGoing();
    if (workflowInfo().continueAsNewSuggested) return;
    await measureRepetition(task, host, sweep);
    sweep.journal.done(task);
  }
}

/** A fresh run takes the place of one that did not count, as far as the spec's `attempts` go. */
async function measureRepetition(task: SweepTask, host: string, sweep: Sweep): Promise<void> {
  const { attempts } = sweep.input.plan.spec;
  for (let { used, attempt, earlier } = task; used < attempts; used++, attempt++, earlier = undefined) {
    await sweep.pause.untilGoing();
    const run = runSpecOf({ ...task, attempt }, sweep);
    const row = await measureOnce({ run, place: placeOf(run, host, sweep), ...(earlier && { earlier }) }, sweep);
    if (row === undefined || !deservesFreshRun(row)) return;
  }
}

/** @returns `undefined` where the run alone was cancelled. */
async function measureOnce(input: BenchmarkRunInput, { journal }: Sweep): Promise<RunRow | undefined> {
  const { run } = input;
  const startedAt = new Date().toISOString();
  journal.begun(run.runId);
  try {
    const row = await startRun(input);
    journal.ended(run.runId, row.status, row);
    return row;
  } catch (error) {
    if (isCancellation(error)) {
      journal.ended(run.runId, "CANCELLED");
      if (CancellationScope.current().consideredCancelled) throw error;
      return undefined;
    }
    const row = await recordLostRun(run, startedAt, error);
    journal.ended(run.runId, row.status, row);
    return row;
  }
}

/** As a child, so that a sweep that is terminated still tears its run down. */
async function startRun(input: BenchmarkRunInput): Promise<RunRow> {
  return executeChild(benchmarkRunWorkflow, {
    workflowId: runWorkflowId(input.run.runId),
    args: [input],
    parentClosePolicy: "REQUEST_CANCEL",
    staticSummary: describeRun(input.run),
    staticDetails: describeRunFully(input.run),
  });
}

/** All runs of a sweep stand in line at its one place. */
function placeOf({ point }: RunSpec, host: string, { input, journal }: Sweep): RunPlace {
  const { estimatedSec } = journal.point(point.index);
  return {
    owner: sweepWorkflowId(input.sweepId),
    priority: input.priority ?? 0,
    arrivedAt: journal.arrivedAt,
    estimatedSec,
    laterSec: journal.secLeftOn(host) - estimatedSec,
  };
}

/**
 * A run's workflow records its own row, unless it was terminated or could not start.
 * @returns The row it has; one that was terminated right after it recorded its own keeps that.
 */
async function recordLostRun(run: RunSpec, startedAt: string, error: unknown): Promise<RunRow> {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
  const message = `the run's workflow did not end by itself: ${cause instanceof Error ? cause.message : String(cause)}`;
  const failure = { kind: "history lost", message, step: UNKNOWN_STEP, host: run.environment.host } as const;
  const lost = rowOfUnfinishedRun({ run, startedAt, failure });
  const { row } = await storeActivities().saveLostRun({ row: lost });
  return row;
}

function runSpecOf(task: SweepTask, { input, journal }: Sweep): RunSpec {
  const { sweepId, sourceSha, sourceShas, plan } = input;
  const { seed, warmupSec, observe, keep } = plan.spec;
  const { point, sizing, deadlineSec } = journal.point(task.point);
  const { repetition, attempt } = task;
  return {
    runId: runIdOf({ sweepId, point: point.index, repetition, attempt }),
    sweepId,
    point,
    repetition,
    attempt,
    seed,
    environment: journal.environment(point.environment),
    sizing,
    warmupSec,
    observe,
    keep,
    deadlineSec,
    sourceSha: sourceShas?.[point.environment] ?? sourceSha,
  };
}
