/**
 * A Temporal server in memory, as far as the product uses one: workflows, activities with their time limits and retries,
 * timers, signals, children, cancellation, continue-as-new. It can be down for a while, and it can lose everything.
 */

import type { Payload, ProtoFailure } from "@temporalio/common";
import { encodeParentClosePolicy } from "@temporalio/workflow/lib/interfaces.js";
import { WORKFLOW_QUEUE } from "#model/ids";
import { ServerTime } from "#test/chaos/fast/server-time";
import { SimulatedActivities, toMs } from "#test/chaos/fast/simulated-activities";
import type { Activities, ActivityOwner, RunAttempt } from "#test/chaos/fast/simulated-activities";
import type { SimulatedProcess } from "#test/chaos/fast/simulated-process";
import { decode, encode, SimulatedWorkflow } from "#test/chaos/fast/simulated-workflow";
import type { Command, Job } from "#test/chaos/fast/simulated-workflow";
import type { Scheduled, Simulation } from "#test/chaos/fast/simulation";

export type ExecutionStatus = "RUNNING" | "COMPLETED" | "FAILED" | "CANCELLED" | "TERMINATED" | "CONTINUED_AS_NEW";

interface Execution extends ActivityOwner {
  readonly runId: string;
  readonly type: string;
  readonly startedAtMs: number;
  readonly workflow: SimulatedWorkflow;
  readonly parent: { readonly execution: Execution; readonly seq: number } | undefined;
  readonly children: Map<number, Child>;
  readonly timers: Map<number, Scheduled>;
  readonly memo: Record<string, unknown>;
  readonly jobs: Job[];
  status: ExecutionStatus;
  events: number;
  isTaskDue: boolean;
}

interface Child {
  readonly execution: Execution;
  readonly closesWithParent: "cancelled" | "terminated";
}

export interface WorkflowTask {
  readonly workflowId: string;
  readonly jobs: readonly Job[];
  readonly commands: readonly Command[];
}

export interface TemporalOptions {
  readonly name: string;
  readonly runAttempt: RunAttempt;
  /** In events of a history. */
  readonly continueAsNewAfter: number;
}

const REQUEST_CANCEL = encodeParentClosePolicy("REQUEST_CANCEL");
const NETWORK = [1, 30] as const;

export class SimulatedTemporal {
  readonly name: string;
  readonly #sim: Simulation;
  readonly #options: TemporalOptions;
  readonly #time: ServerTime;
  readonly #activities: SimulatedActivities;
  #executions = new Map<string, Execution>();
  #runsMade = 0;
  /** Hears of every workflow task: what came in, and what the workflow made of it. */
  onTask: ((task: WorkflowTask) => void) | undefined;
  onClosed: ((workflowId: string, status: ExecutionStatus) => void) | undefined;
  continuedAsNew = 0;

  constructor(sim: Simulation, options: TemporalOptions) {
    this.#sim = sim;
    this.#options = options;
    this.name = options.name;
    this.#time = new ServerTime(sim);
    const { runAttempt } = options;
    this.#activities = new SimulatedActivities({ sim, time: this.#time, runAttempt, network: NETWORK });
  }

  get isUp(): boolean {
    return this.#time.isUp;
  }

  /** Another one after everything was lost. */
  get generation(): number {
    return this.#time.generation;
  }

  poll(queue: string, process: SimulatedProcess, activities: Activities): void {
    this.#activities.poll(queue, process, activities);
  }

  set onAttempt(listener: (type: string, workflowId: string) => void) {
    this.#activities.onAttempt = listener;
  }

  // What clients ask of it. All of it throws while it is down.

  /** @returns `false` where one of this id is under way already. */
  start(type: string, workflowId: string, args: readonly unknown[]): boolean {
    this.#requireUp();
    if (this.isRunning(workflowId)) return false;
    this.#begin(type, workflowId, encode(args), undefined);
    return true;
  }

  /** @returns `false` where none of this id is under way. */
  signal(workflowId: string, name: string, args: readonly unknown[]): boolean {
    this.#requireUp();
    const execution = this.#running(workflowId);
    if (execution === undefined) return false;
    this.#give(execution, { signalWorkflow: { signalName: name, input: encode(args), headers: {} } });
    return true;
  }

  signalWithStart(type: string, workflowId: string, args: readonly unknown[], name: string, message: unknown): void {
    this.start(type, workflowId, args);
    this.signal(workflowId, name, [message]);
  }

  update(workflowId: string, name: string): boolean {
    this.#requireUp();
    const execution = this.#running(workflowId);
    if (execution === undefined) return false;
    const id = `${name}-${this.#sim.eventsDone}`;
    this.#give(execution, {
      doUpdate: { id, protocolInstanceId: id, name, input: [], headers: {}, runValidator: true },
    });
    return true;
  }

  cancel(workflowId: string): boolean {
    this.#requireUp();
    const execution = this.#running(workflowId);
    if (execution === undefined) return false;
    this.#give(execution, { cancelWorkflow: { reason: "" } });
    return true;
  }

  terminate(workflowId: string): boolean {
    this.#requireUp();
    const execution = this.#running(workflowId);
    if (execution === undefined) return false;
    this.#close(execution, "TERMINATED");
    const failure = { message: "Workflow execution terminated", terminatedFailureInfo: {} };
    this.#tellParent(execution, { failed: { failure: childFailure(execution, failure) } });
    return true;
  }

  /** The newest of this id. */
  describe(workflowId: string): { status: ExecutionStatus; memo: Readonly<Record<string, unknown>> } | undefined {
    this.#requireUp();
    return this.#executions.get(workflowId);
  }

  query(workflowId: string, name: string): unknown {
    this.#requireUp();
    const execution = this.#executions.get(workflowId);
    if (execution === undefined) throw new Error(`no workflow ${workflowId}`);
    return execution.workflow.query(name);
  }

  isRunning(workflowId: string): boolean {
    return this.#running(workflowId) !== undefined;
  }

  runningIds(): string[] {
    return [...this.#executions.values()]
      .filter(({ status }) => status === "RUNNING")
      .map(({ workflowId }) => workflowId);
  }

  // What happens to it.

  goDown(): void {
    if (this.isUp) this.#time.goDown();
  }

  comeUp(): void {
    this.#activities.wereUnheard(this.#time.comeUp());
    this.dispatch();
  }

  loseEverything(): void {
    this.#time.forget();
    this.#activities.forget();
    this.#executions = new Map();
  }

  /** A process died or stands still. */
  missed(process: SimulatedProcess): void {
    this.#activities.missed(process);
  }

  /** Somebody is there again who can work. */
  dispatch(): void {
    if (!this.isUp) return;
    this.#activities.dispatch();
    for (const execution of this.#executions.values()) if (execution.jobs.length > 0) this.#dueTask(execution);
  }

  // Workflows.

  #begin(
    type: string,
    workflowId: string,
    input: readonly Payload[],
    parent: Execution["parent"],
    firstStartedAtMs = this.#sim.nowMs,
  ): Execution {
    const runId = `${this.name}-${++this.#runsMade}`;
    const startedAtMs = this.#sim.nowMs;
    const execution: Execution = {
      workflowId,
      runId,
      type,
      startedAtMs,
      workflow: new SimulatedWorkflow({ workflowId, runId, type, startedAtMs: firstStartedAtMs }),
      parent,
      children: new Map(),
      activities: new Map(),
      timers: new Map(),
      memo: {},
      jobs: [],
      status: "RUNNING",
      events: 0,
      isTaskDue: false,
      give: (job) => this.#give(execution, job),
    };
    this.#executions.set(workflowId, execution);
    this.#give(execution, {
      initializeWorkflow: { workflowType: type, workflowId, arguments: [...input], headers: {} },
    });
    return execution;
  }

  #running(workflowId: string): Execution | undefined {
    const execution = this.#executions.get(workflowId);
    return execution?.status === "RUNNING" ? execution : undefined;
  }

  #give(execution: Execution, job: Job): void {
    if (execution.status !== "RUNNING") return;
    execution.jobs.push(job);
    this.#dueTask(execution);
  }

  #dueTask(execution: Execution): void {
    if (execution.isTaskDue) return;
    execution.isTaskDue = true;
    this.#time.at(this.#sim.chance(...NETWORK), () => {
      execution.isTaskDue = false;
      const hasWorker = this.#activities.isServed(WORKFLOW_QUEUE);
      return hasWorker && execution.status === "RUNNING" ? this.#doTask(execution) : undefined;
    });
  }

  async #doTask(execution: Execution): Promise<void> {
    const jobs = execution.jobs.splice(0);
    execution.events += 3 + jobs.length;
    const isLong = execution.events > this.#options.continueAsNewAfter;
    try {
      const commands = await execution.workflow.activate(jobs, isLong);
      execution.events += commands.length;
      this.onTask?.({ workflowId: execution.workflowId, jobs, commands });
      for (const command of commands) this.#obey(execution, command);
    } catch (error) {
      this.workflowTaskFailure = `${execution.workflowId}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    }
  }

  /** What a workflow's code threw where nothing may throw; the schedule ends there. */
  workflowTaskFailure: string | undefined;

  #obey(execution: Execution, command: Command): void {
    if (command.scheduleActivity) return this.#activities.schedule(execution, command.scheduleActivity);
    if (command.requestCancelActivity)
      return this.#activities.cancel(execution, command.requestCancelActivity.seq ?? 0);
    if (command.startTimer) {
      const { seq, startToFireTimeout } = command.startTimer;
      const fire = () => {
        if (execution.timers.delete(seq ?? 0)) this.#give(execution, { fireTimer: { seq: seq ?? 0 } });
      };
      execution.timers.set(seq ?? 0, this.#time.at(toMs(startToFireTimeout) ?? 0, fire));
      return;
    }
    if (command.cancelTimer) {
      execution.timers.get(command.cancelTimer.seq ?? 0)?.cancel();
      execution.timers.delete(command.cancelTimer.seq ?? 0);
      return;
    }
    if (command.startChildWorkflowExecution) return this.#startChild(execution, command.startChildWorkflowExecution);
    if (command.cancelChildWorkflowExecution) {
      const child = execution.children.get(command.cancelChildWorkflowExecution.childWorkflowSeq ?? 0);
      if (child) this.#give(this.#latestOf(child.execution), { cancelWorkflow: { reason: "" } });
      return;
    }
    if (command.signalExternalWorkflowExecution)
      return this.#sendSignal(execution, command.signalExternalWorkflowExecution);
    if (command.modifyWorkflowProperties) {
      const { fields } = command.modifyWorkflowProperties.upsertedMemo ?? {};
      for (const [key, payload] of Object.entries(fields ?? {})) execution.memo[key] = decode(payload);
      return;
    }
    if (command.continueAsNewWorkflowExecution)
      return this.#continueAsNew(execution, command.continueAsNewWorkflowExecution);
    if (command.completeWorkflowExecution) {
      const { result } = command.completeWorkflowExecution;
      this.#close(execution, "COMPLETED");
      return this.#tellParent(execution, { completed: { result: result ?? null } });
    }
    if (command.failWorkflowExecution) {
      const { failure } = command.failWorkflowExecution;
      this.#close(execution, "FAILED");
      return this.#tellParent(execution, { failed: { failure: childFailure(execution, failure ?? {}) } });
    }
    if (command.cancelWorkflowExecution) {
      this.#close(execution, "CANCELLED");
      const failure = { message: "Workflow execution cancelled", canceledFailureInfo: {} };
      return this.#tellParent(execution, { cancelled: { failure: childFailure(execution, failure) } });
    }
    if (command.upsertWorkflowSearchAttributes || command.updateResponse || command.cancelSignalWorkflow) return;
    throw new Error(`a command that the simulated server does not know: ${Object.keys(command).join()}`);
  }

  /** Of one that has moved to a new history. */
  #latestOf({ workflowId }: Execution): Execution {
    const latest = this.#executions.get(workflowId);
    if (latest === undefined) throw new Error(`no workflow ${workflowId}`);
    return latest;
  }

  #startChild(execution: Execution, command: NonNullable<Command["startChildWorkflowExecution"]>): void {
    const { seq, workflowId, workflowType, input } = command;
    const known = this.#running(workflowId ?? "");
    if (known !== undefined) {
      const failed = { workflowId, workflowType, cause: 1 };
      return this.#give(execution, { resolveChildWorkflowExecutionStart: { seq: seq ?? 0, failed } } as Job);
    }
    const child = this.#begin(workflowType ?? "", workflowId ?? "", input ?? [], { execution, seq: seq ?? 0 });
    const closesWithParent = command.parentClosePolicy === REQUEST_CANCEL ? "cancelled" : "terminated";
    execution.children.set(seq ?? 0, { execution: child, closesWithParent });
    const succeeded = { runId: child.runId };
    this.#give(execution, { resolveChildWorkflowExecutionStart: { seq: seq ?? 0, succeeded } });
  }

  #tellParent(
    { parent }: Execution,
    result: NonNullable<NonNullable<Job["resolveChildWorkflowExecution"]>["result"]>,
  ): void {
    if (parent === undefined) return;
    parent.execution.children.delete(parent.seq);
    this.#give(parent.execution, { resolveChildWorkflowExecution: { seq: parent.seq, result } });
  }

  #sendSignal(execution: Execution, command: NonNullable<Command["signalExternalWorkflowExecution"]>): void {
    const { seq, workflowExecution, signalName, args } = command;
    this.#time.at(this.#sim.chance(...NETWORK), () => {
      const values = (args ?? []).map((payload) => decode(payload));
      const isThere = this.signal(workflowExecution?.workflowId ?? "", signalName ?? "", values);
      const failure = isThere ? {} : { failure: { message: "no such workflow", applicationFailureInfo: {} } };
      this.#give(execution, { resolveSignalExternalWorkflow: { seq: seq ?? 0, ...failure } });
    });
  }

  #continueAsNew(execution: Execution, command: NonNullable<Command["continueAsNewWorkflowExecution"]>): void {
    const jobs = execution.jobs.splice(0);
    this.continuedAsNew += 1;
    this.#close(execution, "CONTINUED_AS_NEW");
    const next = this.#begin(execution.type, execution.workflowId, command.arguments ?? [], execution.parent);
    // A message that came while the old history was being closed belongs to the new one.
    for (const job of jobs) if (job.signalWorkflow) this.#give(next, job);
  }

  #close(execution: Execution, status: ExecutionStatus): void {
    execution.status = status;
    for (const timer of execution.timers.values()) timer.cancel();
    this.#activities.abandon(execution);
    for (const child of execution.children.values()) this.#closeWithParent(child);
    this.#sim.tell(this.name, `${execution.workflowId} ${status}`);
    this.onClosed?.(execution.workflowId, status);
  }

  #closeWithParent({ execution, closesWithParent }: Child): void {
    const latest = this.#latestOf(execution);
    if (latest.status !== "RUNNING") return;
    if (closesWithParent === "terminated") this.#close(latest, "TERMINATED");
    else this.#give(latest, { cancelWorkflow: { reason: "parent closed" } });
  }

  #requireUp(): void {
    if (!this.isUp) throw new ServerDownError("14 UNAVAILABLE: no connection");
  }
}

/** What a client gets while nobody answers. */
class ServerDownError extends Error {
  override readonly name = "ServiceError";
}

const childFailure = ({ workflowId, runId, type }: Execution, cause: ProtoFailure): ProtoFailure => ({
  message: "Child Workflow execution failed",
  cause,
  childWorkflowExecutionFailureInfo: { workflowType: { name: type }, workflowExecution: { workflowId, runId } },
});
