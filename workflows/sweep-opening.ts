/** How a sweep begins: recorded, its environments pinned; and how it goes on where an earlier workflow of it ended. */

import { ApplicationFailure, CancellationScope, isCancellation, upsertSearchAttributes } from "@temporalio/workflow";
import { formatReason } from "#model/errors";
import { runIdOf, runWorkflowId, sweepWorkflowId } from "#model/ids";
import type { SweepOnPullRequest } from "#model/pull-request";
import type { PreparedEnvironment } from "#model/run";
import type { Environment } from "#model/spec";
import { workAgain, workLeft } from "#model/sweep-work";
import type { PastAttempt, WorkItem } from "#model/sweep-work";
import { comeBack } from "#workflows/host-lease";
import type { ResumedSweep, SweepInput, SweepTask } from "#workflows/messages";
import { failureOf } from "#workflows/run-failure";
import { statusAttribute, sweepAttributes } from "#workflows/search-attributes";
import { preparationActivities, storeActivities, temporalActivities, watchActivities } from "#workflows/step-options";
import type { SweepJournal } from "#workflows/sweep-journal";
import { pinOf, saveSweep } from "#workflows/sweep-record";

/** @throws {ApplicationFailure} Of the failure's kind, where an environment cannot be prepared. */
export async function openSweep(input: SweepInput, journal: SweepJournal): Promise<void> {
  upsertSearchAttributes([...sweepAttributes(input.sweepId), statusAttribute("OPEN")]);
  if (input.pullRequest !== undefined) await openReport(input.pullRequest, journal.hosts);
  const save = () => saveSweep(input, journal, journal.isPaused ? "PAUSED" : "OPEN", pinOf(input, journal));
  await save();
  if (input.resumed !== undefined) await takeUpAgain(input, input.resumed, journal);
  if (journal.environments.length > 0) return;
  journal.prepared(await prepareEnvironments(input.plan.spec.environments));
  await save();
}

/** Also of a sweep that is cancelled by now: its check has to be concluded. */
const openReport = (sweep: SweepOnPullRequest, hosts: string[]): Promise<void> =>
  CancellationScope.nonCancellable(() => temporalActivities.openReport({ sweep, hosts }));

/** Finds out what is left, once no run of the earlier workflow is under way any more. */
async function takeUpAgain(input: SweepInput, { only }: ResumedSweep, journal: SweepJournal): Promise<void> {
  const { sweepId, plan } = input;
  const { runs } = journal;
  // It may have ended while it was paused, and without a word.
  for (const host of journal.hosts) await comeBack(host, sweepWorkflowId(sweepId));

  const read = async () => (await storeActivities().readAttempts({ sweepId })).attempts;
  const workAfter = (past: readonly PastAttempt[]) =>
    only === undefined ? workLeft(runs, past, plan.spec.attempts) : workAgain(runs, past, only);
  const idOf = (item: WorkItem) => runWorkflowId(runIdOf({ sweepId, ...item }));

  const pastAtFirst = await read();
  const workflowIds = workAfter(pastAtFirst).map(idOf);
  const { ended } = await watchActivities.awaitWorkflowsEnded({ workflowIds });
  const past = ended.length === 0 ? pastAtFirst : await read();
  const asTask = (item: WorkItem): SweepTask =>
    Object.assign(item, { earlier: ended.includes(idOf(item)) ? ("ended" as const) : ("unknown" as const) });
  journal.goOnWith(workAfter(past).map(asTask), past);
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
