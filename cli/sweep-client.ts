/** What commands ask of Temporal about sweeps and runs: typed, and free of Temporal's own error classes. */

import { WorkflowExecutionAlreadyStartedError, WorkflowFailedError, WorkflowNotFoundError } from "@temporalio/client";
import type { Client, WorkflowHandle } from "@temporalio/client";
import { defaultPayloadConverter, defineSearchAttributeKey } from "@temporalio/common";
import type { Payload, QueryDefinition } from "@temporalio/common";
import { InputError, UnavailableError } from "#model/errors";
import { hostWorkflowId, runWorkflowId, sweepWorkflowId, WORKFLOW_QUEUE } from "#model/ids";
import type { HostQueueView } from "#model/host-outlook";
import { packPlan } from "#model/packed-plan";
import type { Plan } from "#model/plan";
import type { StepProgress } from "#model/run";
import type { SEARCH_ATTRIBUTES } from "#model/search-attributes";
import type { SweepProgress } from "#model/sweep-progress";
import { formatDuration } from "#model/units";
import { queuesWithoutPoller } from "#worker/task-queues";
import { isQueryUnanswered } from "#worker/temporal-connection";
import { getHostQueueQuery, getRunProgressQuery, getSweepProgressQuery } from "#workflows/messages";
import type { RunProgress, SweepInput } from "#workflows/messages";
import type { sweepWorkflow } from "#workflows/sweep";

/** Queues a sweep. The same id again is refused by the server, so a repeated call cannot measure twice. */
export async function startSweep(
  client: Client,
  { plan, ...rest }: { sweepId: string; plan: Plan; sourceSha: string; priority: number },
): Promise<void> {
  const packed = packPlan(plan);
  const input = { ...rest, plan: packed };
  await client.workflow.start<typeof sweepWorkflow>("sweepWorkflow", {
    ...sweepOptions(input),
    workflowIdReusePolicy: "REJECT_DUPLICATE",
    staticDetails: `${plan.points.length} points, about ${formatDuration(plan.estimatedSec)}, seed ${plan.spec.seed}`,
  });
}

/**
 * Takes up a sweep whose workflow has ended, under the same id.
 * @throws {InputError} Where somebody else has just done so.
 */
export async function resumeSweepWorkflow(client: Client, input: SweepInput): Promise<void> {
  try {
    await client.workflow.start<typeof sweepWorkflow>("sweepWorkflow", {
      ...sweepOptions(input),
      workflowIdReusePolicy: "ALLOW_DUPLICATE",
      staticDetails: "resumed: goes on with what is stored of it",
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const { sweepId } = input;
    const hint = `meshbench watch ${sweepId}`;
    throw new InputError([{ field: "ID", value: sweepId, rule: "it is under way again already", hint }]);
  }
}

function sweepOptions(input: SweepInput) {
  const { spec, runs } = input.plan;
  const environments = spec.environments.map(({ name }) => name).join(", ");
  return {
    taskQueue: WORKFLOW_QUEUE,
    workflowId: sweepWorkflowId(input.sweepId),
    staticSummary: `${spec.name}: ${runs.length} runs on ${environments}`,
    args: [input] as [SweepInput],
  };
}

/**
 * Refuses before anything is queued where nobody would ever serve it.
 * @throws {UnavailableError} Naming the queues that no worker polls.
 */
export async function requireWorkers(client: Client, hosts: ReadonlySet<string>): Promise<void> {
  const missing = await queuesWithoutPoller(client, { hosts: [...hosts] });
  if (missing.length === 0) return;
  const what = `no worker polls task queue${missing.length > 1 ? "s" : ""} ${missing.join(", ")}`;
  throw new UnavailableError(what, "start one on that machine: meshbench up");
}

/** A query that was asked in vain. Nothing is wrong with the sweep; asked again later, it may be answered. */
export class NoAnswerError extends Error {
  override readonly name = "NoAnswerError";
}

async function ask<Answer>(handle: WorkflowHandle, query: QueryDefinition<Answer>): Promise<Answer> {
  try {
    return await handle.query(query);
  } catch (error) {
    if (isQueryUnanswered(error)) throw new NoAnswerError("no worker answers", { cause: error });
    throw error;
  }
}

/** What `read` finds, or `undefined` where Temporal has no such workflow, or has it no longer. */
async function ifFound<Found>(read: () => Promise<Found>): Promise<Found | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/**
 * @returns `undefined` where nobody has asked for the host since it was last clean.
 * @throws {NoAnswerError}
 */
export function readHostQueue(client: Client, host: string): Promise<HostQueueView | undefined> {
  const handle = client.workflow.getHandle(hostWorkflowId(host));
  return ifFound(async () => {
    const { status } = await handle.describe();
    return status.name === "RUNNING" ? ask(handle, getHostQueueQuery) : undefined;
  });
}

/** `open` while the workflow runs; else how it closed; `unknown` where Temporal has no such sweep, or has it no longer. */
export type SweepState = "open" | "done" | "cancelled" | "terminated" | "failed" | "unknown";

const STATE_OF_CLOSED: Readonly<Record<string, SweepState>> = {
  COMPLETED: "done",
  CANCELLED: "cancelled",
  TERMINATED: "terminated",
  FAILED: "failed",
  TIMED_OUT: "failed",
};

export async function readSweepState(client: Client, sweepId: string): Promise<SweepState> {
  const description = await ifFound(() => client.workflow.getHandle(sweepWorkflowId(sweepId)).describe());
  return description === undefined ? "unknown" : (STATE_OF_CLOSED[description.status.name] ?? "open");
}

/** Why a sweep that is `failed` or `terminated` came to that. */
export async function readSweepFailure(client: Client, sweepId: string): Promise<string> {
  try {
    await client.workflow.getHandle(sweepWorkflowId(sweepId)).result();
    return "";
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    return error.cause?.message ?? error.message;
  }
}

/** @throws {NoAnswerError} */
export const readSweepProgress = (client: Client, sweepId: string): Promise<SweepProgress> =>
  ask(client.workflow.getHandle(sweepWorkflowId(sweepId)), getSweepProgressQuery);

/** Where a run is, for people. */
export interface RunView {
  /** Its point, repetition and attempt. */
  readonly title: string;
  readonly run: RunProgress;
  /** The newest that its step has said. */
  readonly progress?: StepProgress | undefined;
  /** While it is queued. */
  readonly queue?: HostQueueView | undefined;
}

/** Where a run is measured. */
export interface RunPlace {
  readonly host: string;
  readonly nodes: number;
}

/** @returns `undefined` where Temporal has no such run, or has it no longer. */
export async function readRunPlace(client: Client, runId: string): Promise<RunPlace | undefined> {
  const description = await ifFound(() => client.workflow.getHandle(runWorkflowId(runId)).describe());
  const host = description?.typedSearchAttributes.get(HOST_ATTRIBUTE);
  const nodes = description?.typedSearchAttributes.get(NODES_ATTRIBUTE);
  return host === undefined || nodes === undefined ? undefined : { host, nodes };
}

/** @throws {NoAnswerError} */
export function readRunView(client: Client, runId: string): Promise<RunView | undefined> {
  const handle = client.workflow.getHandle(runWorkflowId(runId));
  return ifFound(async () => {
    const [run, description] = await Promise.all([ask(handle, getRunProgressQuery), handle.describe()]);
    const title = (await description.staticSummary()) ?? runId;
    const progress = description.raw.pendingActivities?.map(newestHeartbeat).find((details) => details !== undefined);
    const host = description.typedSearchAttributes.get(HOST_ATTRIBUTE);
    const queue = run.step === "queued" && host !== undefined ? await readHostQueue(client, host) : undefined;
    return { title, run, progress, queue };
  });
}

const HOST_ATTRIBUTE = defineSearchAttributeKey("MeshbenchHost" satisfies keyof typeof SEARCH_ATTRIBUTES, "KEYWORD");
const NODES_ATTRIBUTE = defineSearchAttributeKey("MeshbenchNodes" satisfies keyof typeof SEARCH_ATTRIBUTES, "INT");

/** An activity that has not said anything yet has empty details, or none. */
function newestHeartbeat({ heartbeatDetails }: { heartbeatDetails?: { payloads?: Payload[] | null } | null }) {
  const [payload] = heartbeatDetails?.payloads ?? [];
  return payload && (defaultPayloadConverter.fromPayload<StepProgress | null>(payload) ?? undefined);
}

/** @throws {InputError} when there is no such sweep, or it has ended. */
export async function cancelSweep(client: Client, sweepId: string): Promise<void> {
  await requireOpenSweep(client, sweepId);
  await client.workflow.getHandle(sweepWorkflowId(sweepId)).cancel();
}

/** @throws {InputError} when there is no such sweep, or it has ended. */
export async function requireOpenSweep(client: Client, sweepId: string): Promise<void> {
  const state = await readSweepState(client, sweepId);
  if (state === "open") return;
  const rule = state === "unknown" ? "no such sweep" : `the sweep is ${state} already`;
  throw new InputError([{ field: "ID", value: sweepId, rule, hint: "meshbench list shows all sweeps" }]);
}
