/** A set of runs from one spec: one at a time on each host, in the plan's order, until every repetition has its run. */

import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  continueAsNew,
  executeChild,
  isCancellation,
  upsertSearchAttributes,
  workflowInfo,
} from "@temporalio/workflow";
import { formatReason } from "#model/errors";
import { runIdOf, runWorkflowId, sweepWorkflowId } from "#model/ids";
import type { PlannedRun } from "#model/plan";
import type { RunRow } from "#model/result-row";
import type { PreparedEnvironment, RunSpec, SweepRecord } from "#model/run";
import { deservesFreshRun, rowOfUnfinishedRun } from "#model/run-row";
import type { Environment } from "#model/spec";
import { benchmarkRunWorkflow } from "#workflows/benchmark-run";
import { leaveLine } from "#workflows/host-lease";
import type { SweepInput, SweepSummary } from "#workflows/messages";
import { failureOf } from "#workflows/run-failure";
import { describeRun, describeRunFully, statusAttribute, sweepAttributes } from "#workflows/search-attributes";
import { preparationActivities, storeActivities } from "#workflows/step-options";
import { SweepJournal } from "#workflows/sweep-journal";

/**
 * Pins the environments, then measures. Hosts go on beside each other, each with its own part of the order.
 * @throws {ApplicationFailure} Of the failure's kind, where an environment cannot be prepared; nothing was created then.
 * @throws {CancelledFailure} On cancellation, once the run under way is torn down and recorded.
 */
export async function sweepWorkflow(input: SweepInput): Promise<SweepSummary> {
  const journal = new SweepJournal(input);
  try {
    if (input.carried === undefined) await openSweep(input, journal);
    // Settled, not all: where one host's part breaks off, the others' runs still have to be torn down.
    const parts = await Promise.allSettled(journal.hosts.map((host) => measureOn(host, input, journal)));
    for (const part of parts) if (part.status === "rejected") throw part.reason;
  } catch (error) {
    const status = isCancellation(error) ? "CANCELLED" : "FAILED";
    await CancellationScope.nonCancellable(() => closeSweep(input, journal, status));
    throw error;
  }
  if (journal.hasRunsLeft) await continueAsNew<typeof sweepWorkflow>({ ...input, carried: journal.carried });
  await closeSweep(input, journal, "DONE");
  return journal.summary;
}

async function openSweep(input: SweepInput, journal: SweepJournal): Promise<void> {
  upsertSearchAttributes([...sweepAttributes(input.sweepId), statusAttribute("OPEN")]);
  await saveSweep(input, journal, "OPEN");
  journal.prepared(await prepareEnvironments(input.plan.spec.environments));
}

async function closeSweep(
  input: SweepInput,
  journal: SweepJournal,
  status: Exclude<SweepRecord["status"], "OPEN">,
): Promise<void> {
  for (const host of journal.hosts) await leaveLine(host, sweepWorkflowId(input.sweepId));
  await saveSweep(input, journal, status);
  upsertSearchAttributes([statusAttribute(status)]);
}

async function saveSweep(input: SweepInput, journal: SweepJournal, status: SweepRecord["status"]): Promise<void> {
  const { sweepId, plan } = input;
  const { startedAt, runsPlanned } = journal;
  const record = { sweepId, name: plan.spec.name, startedAt, status, runsPlanned };
  await storeActivities().saveSweep({ sweep: { ...record, specJson: JSON.stringify(plan.spec) } });
}

/** Image and facts are looked up once, so that all runs of the sweep have the same. */
async function prepareEnvironments(environments: readonly Environment[]): Promise<PreparedEnvironment[]> {
  const prepared: PreparedEnvironment[] = [];
  for (const environment of environments) {
    try {
      prepared.push(await preparationActivities(environment.host).prepareEnvironment({ environment }));
    } catch (error) {
      if (isCancellation(error)) throw error;
      throw preparationFailure(error, environment);
    }
  }
  return prepared;
}

function preparationFailure(error: unknown, { name, host }: Environment): ApplicationFailure {
  const failure = failureOf(error, { host, step: `preparing environment ${name}` }, false);
  const message = formatReason(failure.kind, failure.message, failure);
  return ApplicationFailure.create({ type: failure.kind, message, nonRetryable: true, details: [failure] });
}

/** Ends early where the history grows long: what is left goes on in a new one. */
async function measureOn(host: string, input: SweepInput, journal: SweepJournal): Promise<void> {
  for (const planned of journal.runsLeft(host)) {
    if (workflowInfo().continueAsNewSuggested) return;
    await measureRepetition(planned, input, journal);
    journal.done(host);
  }
}

/** A fresh run takes the place of one that did not count, as far as the spec's `attempts` go. */
async function measureRepetition(planned: PlannedRun, input: SweepInput, journal: SweepJournal): Promise<void> {
  const { attempts } = input.plan.spec;
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const row = await measureOnce(runSpecOf(planned, attempt, input, journal), input, journal);
    if (row === undefined || !deservesFreshRun(row)) return;
  }
}

/** @returns `undefined` where the run alone was cancelled. */
async function measureOnce(run: RunSpec, input: SweepInput, journal: SweepJournal): Promise<RunRow | undefined> {
  const startedAt = new Date().toISOString();
  journal.begun(run.runId);
  try {
    const row = await startRun(run, input, journal);
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
async function startRun(run: RunSpec, { priority = 0 }: SweepInput, { startedAt }: SweepJournal): Promise<RunRow> {
  const place = { owner: workflowInfo().workflowId, priority, arrivedAt: startedAt };
  return executeChild(benchmarkRunWorkflow, {
    workflowId: runWorkflowId(run.runId),
    args: [{ run, place }],
    parentClosePolicy: "REQUEST_CANCEL",
    staticSummary: describeRun(run),
    staticDetails: describeRunFully(run),
  });
}

/** A run's workflow records its own row, unless it was terminated or could not start. */
async function recordLostRun(run: RunSpec, startedAt: string, error: unknown): Promise<RunRow> {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : error;
  const message = `the run's workflow did not end by itself: ${cause instanceof Error ? cause.message : String(cause)}`;
  const failure = { kind: "history lost", message, host: run.environment.host } as const;
  const row = rowOfUnfinishedRun({ run, startedAt, failure });
  await storeActivities().saveRun({ row });
  return row;
}

function runSpecOf(planned: PlannedRun, attempt: number, input: SweepInput, journal: SweepJournal): RunSpec {
  const { sweepId, sourceSha, plan } = input;
  const { seed, warmupSec, observe, keep } = plan.spec;
  const { point, sizing, deadlineSec } = journal.point(planned.point);
  const { repetition } = planned;
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
    sourceSha,
  };
}
