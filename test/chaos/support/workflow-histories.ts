/** All workflows that an installation's Temporal server has, with their histories. */

import type { Client } from "@temporalio/client";
import type { temporal } from "@temporalio/proto";
import { runWorkflowId } from "#model/ids";
import type { Step } from "#model/run";
import type { InstallationHarness } from "#test/support/installation-harness";

type History = temporal.api.history.v1.IHistory;

export interface RecordedWorkflow {
  readonly workflowId: string;
  readonly type: string;
  /** `RUNNING`, `COMPLETED`, `TERMINATED`, … */
  readonly status: string;
  readonly eventCount: number;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly closedAtMs?: number;
  readonly history: History;
}

/** One step of a run as Temporal recorded it. */
export interface StepRecord {
  /** Of the activity, from 1: more than one is what a lost worker costs. */
  readonly attempt: number;
  /** Of that attempt; milliseconds since 1970. */
  readonly startedAtMs: number;
  /** The process that took it up. */
  readonly workerPid: number;
}

/** @throws Where the step has not come to an end: until then its attempts are not in the history. */
export async function readStep(installation: InstallationHarness, runId: string, step: Step): Promise<StepRecord> {
  const { events } = await installation.withClient((client) =>
    client.workflow.getHandle(runWorkflowId(runId)).fetchHistory(),
  );
  const scheduled = events?.find((event) => activityOf(event) === ACTIVITY_OF[step]);
  const record = events?.find(
    ({ activityTaskStartedEventAttributes: started }) =>
      scheduled !== undefined && String(started?.scheduledEventId) === String(scheduled.eventId),
  );
  const { attempt, identity } = record?.activityTaskStartedEventAttributes ?? {};
  if (!attempt || !identity) throw new Error(`${runId} has no attempt of ${step} in its history`);
  return { attempt, startedAtMs: millisecondsOf(record?.eventTime), workerPid: Number(identity.split("@")[0]) };
}

type HistoryEvent = NonNullable<History["events"]>[number];

/** What the workflow asks for in each step. */
export const ACTIVITY_OF: Readonly<Record<Step, string>> = {
  provision: "provisionNodes",
  sync: "passBarrier",
  main: "followMainLoop",
  finalise: "finaliseRun",
  collect: "collectRun",
  teardown: "destroyNodes",
};

export const activityOf = (event: HistoryEvent): string | null | undefined =>
  event.activityTaskScheduledEventAttributes?.activityType?.name;

const millisecondsOf = (time: HistoryEvent["eventTime"]): number =>
  Number(time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;

export const readWorkflows = (installation: InstallationHarness): Promise<RecordedWorkflow[]> =>
  installation.withClient((client) => Array.fromAsync(readAll(client)));

async function* readAll(client: Client): AsyncGenerator<RecordedWorkflow> {
  for await (const { workflowId, runId } of client.workflow.list()) {
    const handle = client.workflow.getHandle(workflowId, runId);
    // What the list says may be a second old.
    const { type, status, historyLength, historySize, closeTime } = await handle.describe();
    const history = await handle.fetchHistory();
    yield {
      workflowId,
      type,
      status: status.name,
      eventCount: historyLength,
      sizeBytes: historySize ?? 0,
      ...(closeTime && { closedAtMs: closeTime.getTime() }),
      history,
    };
  }
}
