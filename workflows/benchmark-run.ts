/** One run of the paper's experiment, from an empty host to its row in the results store. */

import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  log,
  upsertMemo,
  upsertSearchAttributes,
} from "@temporalio/workflow";
import { NODES_KEPT_MEMO } from "#model/reaping";
import type { RunRow } from "#model/result-row";
import { expectedSecOf } from "#model/plan";
import type { Failure, RunSpec, Step } from "#model/run";
import { rowOfUnfinishedRun } from "#model/run-row";
import { HostLease } from "#workflows/host-lease";
import type { BenchmarkRunInput, EarlierRun } from "#workflows/messages";
import { failureOf } from "#workflows/run-failure";
import { RunJournal } from "#workflows/run-journal";
import { runAttributes, statusAttribute } from "#workflows/search-attributes";
import {
  collectActivities,
  evidenceActivities,
  intentActivities,
  phaseActivities,
  storeActivities,
  teardownActivities,
} from "#workflows/step-options";

/**
 * Waits for the host, measures, tears down whatever happened, and records one row.
 * @returns The row, of a run that failed as well.
 * @throws {CancelledFailure} On cancellation, once the nodes are gone and a CANCELLED row is stored.
 */
export async function benchmarkRunWorkflow(input: BenchmarkRunInput): Promise<RunRow> {
  const { run } = input;
  const journal = new RunJournal(run);
  const lease = new HostLease(input);
  upsertSearchAttributes([...runAttributes(run), statusAttribute("QUEUED")]);
  const measuredRow = await measure(input, lease, journal);
  const row = await CancellationScope.nonCancellable(() => wrapUp(run, measuredRow, lease, journal));
  if (row.status === "CANCELLED") throw new CancelledFailure(row.reason);
  return row;
}

/** Never throws: whatever breaks off a run becomes its row. */
async function measure(input: BenchmarkRunInput, lease: HostLease, journal: RunJournal): Promise<RunRow> {
  const { run } = input;
  let startedMs = Date.now();
  try {
    await lease.take((prospect) => journal.waiting(prospect));
    startedMs = Date.now();
    upsertSearchAttributes([statusAttribute("RUNNING")]);
    return await passThroughPhases(input, startedMs, journal);
  } catch (error) {
    const deadlineMs = startedMs + run.deadlineSec * 1000;
    // A step that could not hear of the cancellation, since its worker is dead, ends in a time-out.
    const reason = CancellationScope.current().consideredCancelled ? new CancelledFailure("cancelled") : error;
    const where = { step: journal.step, host: run.environment.host };
    const told = failureOf(reason, where, lease.isGranted && Date.now() >= deadlineMs);
    const loadSec = journal.step === "main" && !journal.isAttached ? (deadlineMs - journal.stepStartedMs) / 1000 : 0;
    const failure = told.kind === "deadline" && loadSec < expectedSecOf(run.point) ? heldUp(told) : told;
    log.warn("run broken off", failure.kind === "bug" ? { ...failure, error } : { ...failure });
    // Of a main loop that was not done at its deadline: the time it had.
    const measured = { ...journal.measured, ...(failure.kind === "deadline" && { elapsed_s: loadSec }) };
    return rowOfUnfinishedRun({ run, startedAt: new Date(startedMs).toISOString(), failure, measured });
  }
}

/** A load that was not given its time is not too much. */
const heldUp = (failure: Failure): Failure => ({ ...failure, kind: "held up" });

/** The phases of the paper, between its nodes' creation and their proof. */
async function passThroughPhases(
  { run, earlier }: BenchmarkRunInput,
  startedMs: number,
  journal: RunJournal,
): Promise<RunRow> {
  const deadlineMs = startedMs + run.deadlineSec * 1000;
  const phase = (step: Step) => {
    journal.begin(step);
    return phaseActivities(run, step, deadlineMs);
  };

  const deadlineAt = new Date(deadlineMs).toISOString();
  const provision = phase("provision");
  await openIntent(run, startedMs, deadlineAt);
  if (earlier !== undefined) {
    const { found } = await provision.findNodes({ run });
    requireAllOrNone(run, earlier, found);
    if (found > 0) journal.attached();
  }
  const { nodes, provisionSec } = await provision.provisionNodes({ run, deadlineAt });
  // These attach to what already runs: the nodes go on without us, so a second attempt measures nothing twice.
  await phase("sync").passBarrier({ run, nodes });
  await phase("main").followMainLoop({ run, nodes });
  await phase("finalise").finaliseRun({ run, nodes });

  journal.begin("collect");
  const startedAt = new Date(startedMs).toISOString();
  const { row, evidenceParts } = await collectActivities(run).collectRun({ run, nodes, startedAt });
  // Before teardown: should there be no room for it, the nodes still have it.
  await keepEvidence(run, evidenceParts);
  return { ...row, provision_s: journal.isAttached ? null : provisionSec };
}

/** Whatever is lost from now on, the ledger knows what was meant to be there. */
async function openIntent(run: RunSpec, startedMs: number, deadlineAt: string): Promise<void> {
  const recordedAt = new Date(startedMs).toISOString();
  await intentActivities(run).saveIntent({ intent: { run, recordedAt, deadlineAt } });
}

/**
 * A run that was interrupted goes on with its nodes, which did not need it. Where some are gone it cannot: new ones would
 * come late to a main loop that is under way.
 * @throws {ApplicationFailure} `node lost`; `history lost` where nothing is left of a run that was there.
 */
function requireAllOrNone(run: RunSpec, earlier: EarlierRun, found: number): void {
  const { nodes } = run.point;
  if (found === nodes || (found === 0 && earlier === "unknown")) return;
  const kind = found === 0 ? "history lost" : "node lost";
  const message = `the run was interrupted, and ${found} of its ${nodes} nodes are left`;
  throw ApplicationFailure.create({ type: kind, message, nonRetryable: true, details: [{ kind, message }] });
}

async function keepEvidence(run: RunSpec, parts: number): Promise<void> {
  const { runId } = run;
  for (let part = 0; part < parts; part++) {
    const { data } = await collectActivities(run).fetchEvidence({ runId, part });
    await evidenceActivities().saveEvidencePart({ runId, part, parts, data });
  }
}

/** What follows a run in every case. The host is given back first: a store that is away holds up no other run. */
async function wrapUp(run: RunSpec, row: RunRow, lease: HostLease, journal: RunJournal): Promise<RunRow> {
  const isKept = run.keep === "on-failure" && (row.status === "FAILED" || row.status === "INVALID");
  const teardown = lease.isGranted && !isKept ? await tearDown(run, journal) : undefined;
  if (isKept) upsertMemo({ [NODES_KEPT_MEMO]: true });
  await lease.release(isKept ? run.runId : undefined);
  const finalRow = { ...row, teardown_s: teardown?.teardownSec ?? null };
  await storeActivities().saveRun({ row: finalRow });
  // Of what is left, the reaper closes the entry.
  if (teardown !== undefined) await storeActivities().closeIntent({ runId: run.runId });
  journal.begin("recorded");
  upsertSearchAttributes([statusAttribute(row.status)]);
  return finalRow;
}

/** @returns `undefined` where it failed for good: then the host is not leased until it is proven clean. */
async function tearDown(run: RunSpec, journal: RunJournal): Promise<{ teardownSec: number | null } | undefined> {
  journal.begin("teardown");
  try {
    return await teardownActivities(run).destroyNodes({ runId: run.runId });
  } catch (error) {
    log.error("teardown failed; the host stays unleased until it is clean", { runId: run.runId, error });
    return undefined;
  }
}
