/**
 * One execution of one of the product's workflows, on the SDK's own workflow runtime but without its sandbox and without a
 * server: it is given jobs, as Temporal's core would, and answers with commands. Between two activations nothing in it
 * moves.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import { defaultPayloadConverter, toPayloads, TypedSearchAttributes } from "@temporalio/common";
import type { Payload } from "@temporalio/common";
import type { coresdk } from "@temporalio/proto";
import type { WorkflowInfo } from "@temporalio/workflow";
import { setActivator } from "@temporalio/workflow/lib/global-attributes.js";
import { Activator } from "@temporalio/workflow/lib/internals.js";
import { activate, concludeActivation, tryUnblockConditions } from "@temporalio/workflow/lib/worker-interface.js";
import { visibleClock } from "#test/chaos/fast/simulation";
import * as workflows from "#workflows/index";

export type Job = coresdk.workflow_activation.IWorkflowActivationJob;
export type Command = coresdk.workflow_commands.IWorkflowCommand;

type WorkflowFunction = (...args: unknown[]) => Promise<unknown>;
const WORKFLOWS = workflows as unknown as Readonly<Record<string, WorkflowFunction>>;

export interface ExecutionIdentity {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  readonly startedAtMs: number;
}

export class SimulatedWorkflow {
  readonly #activator: Activator;
  #isInitialised = false;

  constructor({ workflowId, runId, type, startedAtMs }: ExecutionIdentity) {
    this.#activator = new Activator({
      info: infoOf({ workflowId, runId, type, startedAtMs }),
      now: startedAtMs,
      showStackTraceSources: false,
      sourceMap: { version: 3, sources: [], names: [], mappings: "", file: "" },
      getTimeOfDay: () => 0n,
      randomnessSeed: [startedAtMs],
      registeredActivityNames: new Set(),
      stackTracesEnabled: false,
    });
    const workflow = WORKFLOWS[type];
    if (workflow === undefined) throw new Error(`no workflow ${type}`);
    this.#activator.workflow = workflow;
  }

  /**
   * @param jobs - All that came in since the last activation, in order; `initializeWorkflow` first.
   * @throws What the workflow's code threw beside its own end: a workflow task that fails, again and again.
   */
  async activate(jobs: readonly Job[], isLong: boolean): Promise<Command[]> {
    const activator = this.#activator;
    activator.now = visibleClock.wallMs;
    activator.mutateWorkflowInfo((info) => ({ ...info, continueAsNewSuggested: isLong }));
    setActivator(activator);
    try {
      if (!this.#isInitialised) activator.initializeWorkflow({});
      this.#isInitialised = true;
      activate({ jobs: jobs.map(withVariant) } as Parameters<typeof activate>[0]);
      do await nextTurn();
      while (tryUnblockConditions() > 0);
      activator.getAndResetSinkCalls();
      const { successful } = concludeActivation();
      return successful?.commands ?? [];
    } finally {
      setActivator(undefined);
    }
  }

  /** @throws Where it has no handler yet. */
  query(name: string): unknown {
    const entry = this.#activator.queryHandlers.get(name);
    if (entry === undefined) throw new Error(`no handler for query ${name} yet`);
    setActivator(this.#activator);
    try {
      return entry.handler();
    } finally {
      setActivator(undefined);
    }
  }
}

/** The SDK picks the handler by it; on the wire it is which field is set. */
const withVariant = (job: Job) => ({ ...job, variant: Object.keys(job)[0] });

function infoOf({ workflowId, runId, type, startedAtMs }: ExecutionIdentity): WorkflowInfo {
  return {
    workflowId,
    runId,
    workflowType: type,
    startTime: new Date(startedAtMs),
    runStartTime: new Date(startedAtMs),
    taskQueue: "meshbench",
    namespace: "simulated",
    attempt: 1,
    historyLength: 0,
    historySize: 0,
    continueAsNewSuggested: false,
    firstExecutionRunId: runId,
    taskTimeoutMs: 10_000,
    searchAttributes: {},
    typedSearchAttributes: new TypedSearchAttributes(),
    memo: {},
    unsafe: { now: () => visibleClock.wallMs, isReplaying: false, isReplayingHistoryEvents: false },
  } as unknown as WorkflowInfo;
}

export const encode = (values: readonly unknown[]): Payload[] => toPayloads(defaultPayloadConverter, ...values) ?? [];

export const decode = (payload: Payload | null | undefined): unknown =>
  payload ? defaultPayloadConverter.fromPayload(payload) : undefined;
