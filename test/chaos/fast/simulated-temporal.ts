/**
 * A Temporal server in memory, as far as the product uses one: workflows, activities with their time limits and retries,
 * timers, signals, children, cancellation, continue-as-new. It can be down for a while, and it can lose everything.
 */

import { CancelledFailure, defaultFailureConverter, defaultPayloadConverter } from "@temporalio/common";
import type { Payload, ProtoFailure } from "@temporalio/common";
import { encodeActivityCancellationType } from "@temporalio/common/lib/activity-options.js";
import { encodeParentClosePolicy } from "@temporalio/workflow/lib/interfaces.js";
import type { StepContext } from "#activities/step";
import { WORKFLOW_QUEUE } from "#model/ids";
import type { SimulatedProcess } from "#test/chaos/fast/simulated-process";
import { decode, encode, SimulatedWorkflow } from "#test/chaos/fast/simulated-workflow";
import type { Command, Job } from "#test/chaos/fast/simulated-workflow";
import type { Scheduled, Simulation } from "#test/chaos/fast/simulation";

export type ExecutionStatus = "RUNNING" | "COMPLETED" | "FAILED" | "CANCELLED" | "TERMINATED" | "CONTINUED_AS_NEW";

/** By name, as a worker registers them for one task queue. */
export type Activities = Readonly<Record<string, (input: never) => Promise<unknown>>>;

interface Poller {
  readonly process: SimulatedProcess;
  readonly activities: Activities;
}

/** Runs the attempt of an activity in a process, with what the SDK would give it as context. */
export type RunAttempt = (
  process: SimulatedProcess,
  context: StepContext,
  work: () => Promise<unknown>,
) => Promise<unknown>;

interface Execution {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  readonly startedAtMs: number;
  readonly workflow: SimulatedWorkflow;
  readonly parent: { readonly execution: Execution; readonly seq: number } | undefined;
  readonly children: Map<number, Child>;
  readonly activities: Map<number, ScheduledActivity>;
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

interface Limits {
  readonly heartbeatMs: number | undefined;
  readonly startToCloseMs: number | undefined;
  readonly scheduleToStartMs: number | undefined;
  readonly scheduleToCloseMs: number | undefined;
}

interface RetryPolicy {
  readonly initialMs: number;
  readonly maximumMs: number;
  readonly coefficient: number;
  readonly maximumAttempts: number;
  readonly nonRetryable: readonly string[];
}

interface ScheduledActivity {
  readonly seq: number;
  readonly type: string;
  readonly input: never;
  readonly queue: string;
  readonly execution: Execution;
  readonly limits: Limits;
  readonly retry: RetryPolicy;
  readonly waitsForCancellation: boolean;
  readonly scheduledAtMs: number;
  readonly timeouts: Scheduled[];
  attempt: number;
  running: Attempt | undefined;
  isCancelRequested: boolean;
  isResolved: boolean;
}

interface Attempt {
  readonly activity: ScheduledActivity;
  readonly process: SimulatedProcess;
  /** The process as it was then: it may have been restarted since. */
  readonly pid: number;
  readonly controller: AbortController;
  readonly timeouts: Scheduled[];
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

const TIMEOUT_TYPES = { startToClose: 1, scheduleToStart: 2, scheduleToClose: 3, heartbeat: 4 } as const;
const WAIT_CANCELLATION_COMPLETED = encodeActivityCancellationType("WAIT_CANCELLATION_COMPLETED");
const REQUEST_CANCEL = encodeParentClosePolicy("REQUEST_CANCEL");
const NETWORK = [1, 30] as const;
/** A worker hears of a cancellation, or that its attempt counts no more, with the answer to a heartbeat. */
const NEXT_BEAT = [100, 2_000] as const;

export class SimulatedTemporal {
  readonly name: string;
  readonly #sim: Simulation;
  readonly #options: TemporalOptions;
  readonly #pollers = new Map<string, Poller[]>();
  #executions = new Map<string, Execution>();
  #attempts = new Set<Attempt>();
  #waiting: ScheduledActivity[] = [];
  #runsMade = 0;
  #generation = 0;
  /** What is due once it is up again. */
  #overdue: (() => unknown)[] | undefined;
  #downSinceMs = 0;
  /** Hears of every workflow task: what came in, and what the workflow made of it. */
  onTask: ((task: WorkflowTask) => void) | undefined;
  /** Hears of every attempt of an activity as it starts. */
  onAttempt: ((type: string, workflowId: string) => void) | undefined;
  onClosed: ((workflowId: string, status: ExecutionStatus) => void) | undefined;
  continuedAsNew = 0;

  constructor(sim: Simulation, options: TemporalOptions) {
    this.#sim = sim;
    this.#options = options;
    this.name = options.name;
  }

  get isUp(): boolean {
    return this.#overdue === undefined;
  }

  poll(queue: string, process: SimulatedProcess, activities: Activities): void {
    this.#pollers.set(queue, [...(this.#pollers.get(queue) ?? []), { process, activities }]);
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
    if (!this.isUp) return;
    this.#overdue = [];
    this.#downSinceMs = this.#sim.nowMs;
  }

  /** Whoever could not be heard for longer than its time limit counts as dead, whether it is or not. */
  comeUp(): void {
    const overdue = this.#overdue ?? [];
    this.#overdue = undefined;
    const downMs = this.#sim.nowMs - this.#downSinceMs;
    for (const attempt of this.#attempts) {
      const { heartbeatMs } = attempt.activity.limits;
      if (heartbeatMs !== undefined && downMs > heartbeatMs) this.#timeOut(attempt, "heartbeat");
    }
    for (const act of overdue) this.#at(this.#sim.chance(0, 100), act);
    this.dispatch();
  }

  /** Everybody who works for it finds out that nobody knows them. */
  loseEverything(): void {
    this.#generation += 1;
    for (const attempt of this.#attempts) this.#orphan(attempt);
    this.#attempts = new Set();
    this.#executions = new Map();
    this.#waiting = [];
  }

  /** A process died or stands still: it is missed after a while. */
  missed(process: SimulatedProcess): void {
    for (const attempt of this.#attempts) {
      const { heartbeatMs } = attempt.activity.limits;
      if (attempt.process !== process || heartbeatMs === undefined) continue;
      const missing = this.#at(heartbeatMs, () => {
        if (process.isStalled || attempt.pid !== process.identity.pid) this.#timeOut(attempt, "heartbeat");
      });
      attempt.timeouts.push(missing);
    }
  }

  /** Hands what waits to whoever polls. */
  dispatch(): void {
    if (!this.isUp) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const activity of waiting) this.#offer(activity);
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
    this.#at(this.#sim.chance(...NETWORK), () => {
      execution.isTaskDue = false;
      const hasWorker = this.#pollers.get(WORKFLOW_QUEUE)?.some(({ process }) => process.canAct);
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
    if (command.scheduleActivity) return this.#schedule(execution, command.scheduleActivity);
    if (command.requestCancelActivity) return this.#cancelActivity(execution, command.requestCancelActivity.seq ?? 0);
    if (command.startTimer) {
      const { seq, startToFireTimeout } = command.startTimer;
      const fire = () => {
        if (execution.timers.delete(seq ?? 0)) this.#give(execution, { fireTimer: { seq: seq ?? 0 } });
      };
      execution.timers.set(seq ?? 0, this.#at(toMs(startToFireTimeout) ?? 0, fire));
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
    this.#at(this.#sim.chance(...NETWORK), () => {
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
    for (const activity of execution.activities.values()) this.#abandon(activity);
    execution.activities.clear();
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

  // Activities.

  #schedule(execution: Execution, command: NonNullable<Command["scheduleActivity"]>): void {
    const activity: ScheduledActivity = {
      seq: command.seq ?? 0,
      type: command.activityType ?? "",
      input: decode(command.arguments?.[0]) as never,
      queue: command.taskQueue ?? "",
      execution,
      limits: {
        heartbeatMs: toMs(command.heartbeatTimeout),
        startToCloseMs: toMs(command.startToCloseTimeout),
        scheduleToStartMs: toMs(command.scheduleToStartTimeout),
        scheduleToCloseMs: toMs(command.scheduleToCloseTimeout),
      },
      retry: {
        initialMs: toMs(command.retryPolicy?.initialInterval) ?? 1000,
        maximumMs: toMs(command.retryPolicy?.maximumInterval) ?? 100_000,
        coefficient: command.retryPolicy?.backoffCoefficient ?? 2,
        maximumAttempts: command.retryPolicy?.maximumAttempts ?? 0,
        nonRetryable: command.retryPolicy?.nonRetryableErrorTypes ?? [],
      },
      waitsForCancellation: command.cancellationType === WAIT_CANCELLATION_COMPLETED,
      scheduledAtMs: this.#sim.nowMs,
      timeouts: [],
      attempt: 0,
      running: undefined,
      isCancelRequested: false,
      isResolved: false,
    };
    execution.activities.set(activity.seq, activity);
    const { scheduleToCloseMs } = activity.limits;
    if (scheduleToCloseMs !== undefined) {
      activity.timeouts.push(this.#at(scheduleToCloseMs, () => this.#resolveTimedOut(activity, "scheduleToClose")));
    }
    this.#enqueue(activity);
  }

  #enqueue(activity: ScheduledActivity): void {
    const { scheduleToStartMs } = activity.limits;
    const { attempt } = activity;
    if (scheduleToStartMs !== undefined) {
      const isStillWaiting = () =>
        !activity.isResolved && activity.running === undefined && activity.attempt === attempt;
      const check = () => (isStillWaiting() ? this.#resolveTimedOut(activity, "scheduleToStart") : undefined);
      activity.timeouts.push(this.#at(scheduleToStartMs, check));
    }
    this.#at(this.#sim.chance(...NETWORK), () => this.#offer(activity));
  }

  #offer(activity: ScheduledActivity): void {
    if (activity.isResolved || activity.running !== undefined) return;
    const able = (this.#pollers.get(activity.queue) ?? []).filter(({ process }) => process.canAct);
    const poller = able[this.#sim.chance(0, Math.max(0, able.length - 1))];
    if (poller === undefined) this.#waiting.push(activity);
    else this.#startAttempt(activity, poller);
  }

  #startAttempt(activity: ScheduledActivity, { process, activities }: Poller): void {
    const attempt: Attempt = {
      activity,
      process,
      pid: process.identity.pid,
      controller: new AbortController(),
      timeouts: [],
    };
    activity.attempt += 1;
    activity.running = attempt;
    this.#attempts.add(attempt);
    const { workflowId } = activity.execution;
    this.#sim.tell(process.name, `${activity.type} of ${workflowId}, attempt ${activity.attempt}`);
    this.onAttempt?.(activity.type, workflowId);
    const { startToCloseMs } = activity.limits;
    if (startToCloseMs !== undefined) {
      attempt.timeouts.push(this.#at(startToCloseMs, () => this.#timeOut(attempt, "startToClose")));
    }
    const context: StepContext = {
      signal: attempt.controller.signal,
      scheduledAtMs: activity.scheduledAtMs,
      attempt: activity.attempt,
      heartbeat: () => undefined,
    };
    const work = activities[activity.type];
    if (work === undefined) throw new Error(`no activity ${activity.type} on ${activity.queue}`);
    const generation = this.#generation;
    const isHeard = () => process.identity.pid === attempt.pid && generation === this.#generation;
    this.#sim.after(
      0,
      () => {
        if (!isHeard()) return;
        void this.#options
          .runAttempt(process, context, () => work(activity.input))
          .then(
            (result) => this.#report(attempt, isHeard, () => this.#completed(attempt, result)),
            (error: unknown) => this.#report(attempt, isHeard, () => this.#failed(attempt, error)),
          );
      },
      process.skewMs,
    );
  }

  /** The worker tells how it ended, as often as it takes. */
  async #report({ process, controller }: Attempt, isHeard: () => boolean, tell: () => void): Promise<void> {
    for (;;) {
      await process.call(() => undefined);
      if (!isHeard()) return;
      if (this.isUp) return tell();
      await process.wait(1000, new AbortController().signal);
      if (controller.signal.aborted && !isHeard()) return;
    }
  }

  #completed(attempt: Attempt, result: unknown): void {
    if (!this.#ends(attempt)) return;
    const [payload] = encode([result]);
    this.#resolve(attempt.activity, { completed: { result: result === undefined ? null : (payload ?? null) } });
  }

  #failed(attempt: Attempt, error: unknown): void {
    const { activity, controller } = attempt;
    if (!this.#ends(attempt)) return;
    const isAbort = error instanceof Error && error.name === "AbortError";
    if (activity.isCancelRequested && (error instanceof CancelledFailure || (isAbort && controller.signal.aborted))) {
      return this.#resolve(activity, { cancelled: { failure: activityFailure(activity, cancelled()) } });
    }
    const failure = defaultFailureConverter.errorToFailure(error, defaultPayloadConverter);
    if (!this.#retries(activity, failure)) {
      this.#resolve(activity, { failed: { failure: activityFailure(activity, failure) } });
    }
  }

  #timeOut(attempt: Attempt, type: keyof typeof TIMEOUT_TYPES): void {
    const { activity } = attempt;
    if (!this.#ends(attempt)) return;
    this.#orphan(attempt);
    if (activity.isCancelRequested) {
      this.#resolve(activity, { failed: { failure: activityFailure(activity, timeout(type)) } });
    } else if (!this.#retries(activity, timeout(type))) {
      this.#resolve(activity, { failed: { failure: activityFailure(activity, timeout(type)) } });
    }
  }

  /** @returns Whether the attempt still counted. */
  #ends(attempt: Attempt): boolean {
    this.#attempts.delete(attempt);
    for (const one of attempt.timeouts) one.cancel();
    if (attempt.activity.running !== attempt || attempt.activity.isResolved) return false;
    attempt.activity.running = undefined;
    return true;
  }

  /** Somebody who still works at it hears at the next heartbeat that it is for nothing. */
  #orphan({ activity, process, controller }: Attempt): void {
    if (activity.limits.heartbeatMs === undefined) return;
    const tell = () => {
      if (process.isStalled) this.#sim.after(this.#sim.chance(...NEXT_BEAT), tell, process.skewMs);
      else controller.abort(new CancelledFailure("NOT_FOUND"));
    };
    this.#sim.after(this.#sim.chance(...NEXT_BEAT), tell, process.skewMs);
  }

  #retries(activity: ScheduledActivity, failure: ProtoFailure): boolean {
    const { retry, attempt, limits } = activity;
    const info = failure.applicationFailureInfo;
    const isFinal = info?.nonRetryable === true || retry.nonRetryable.includes(info?.type ?? "");
    const isUsedUp = retry.maximumAttempts > 0 && attempt >= retry.maximumAttempts;
    if (isFinal || isUsedUp || activity.isCancelRequested) return false;
    const delayMs = Math.min(retry.initialMs * retry.coefficient ** (attempt - 1), retry.maximumMs);
    const { scheduleToCloseMs } = limits;
    if (scheduleToCloseMs !== undefined && this.#sim.nowMs + delayMs > activity.scheduledAtMs + scheduleToCloseMs) {
      return false;
    }
    this.#at(delayMs, () => (activity.isResolved ? undefined : this.#enqueue(activity)));
    return true;
  }

  #cancelActivity(execution: Execution, seq: number): void {
    const activity = execution.activities.get(seq);
    if (activity === undefined || activity.isResolved) return;
    activity.isCancelRequested = true;
    const { running } = activity;
    if (running === undefined || !activity.waitsForCancellation) {
      this.#resolve(activity, { cancelled: { failure: activityFailure(activity, cancelled()) } });
    }
    if (running !== undefined) this.#orphan(running);
  }

  #resolveTimedOut(activity: ScheduledActivity, type: keyof typeof TIMEOUT_TYPES): void {
    if (activity.isResolved) return;
    const { running } = activity;
    this.#resolve(activity, { failed: { failure: activityFailure(activity, timeout(type)) } });
    if (running !== undefined) this.#orphan(running);
  }

  #resolve(activity: ScheduledActivity, result: NonNullable<NonNullable<Job["resolveActivity"]>["result"]>): void {
    this.#abandonQuietly(activity);
    activity.execution.activities.delete(activity.seq);
    this.#give(activity.execution, { resolveActivity: { seq: activity.seq, result } });
  }

  #abandonQuietly(activity: ScheduledActivity): void {
    activity.isResolved = true;
    for (const one of activity.timeouts) one.cancel();
  }

  #abandon(activity: ScheduledActivity): void {
    this.#abandonQuietly(activity);
    if (activity.running !== undefined) this.#orphan(activity.running);
  }

  // Time.

  /** Of the server: what is due while it is down happens once it is up again, unless it has forgotten. */
  #at(ms: number, act: () => unknown): Scheduled {
    const generation = this.#generation;
    let isCancelled = false;
    const due = () => {
      if (isCancelled || generation !== this.#generation) return undefined;
      return this.#overdue === undefined ? act() : void this.#overdue.push(due);
    };
    this.#sim.after(ms, due);
    return {
      cancel: () => {
        isCancelled = true;
      },
    };
  }

  #requireUp(): void {
    if (!this.isUp) throw new ServerDownError("14 UNAVAILABLE: no connection");
  }
}

/** What a client gets while nobody answers. */
export class ServerDownError extends Error {
  override readonly name = "ServiceError";
}

const cancelled = (): ProtoFailure => ({ message: "cancelled", canceledFailureInfo: {} });

const timeout = (type: keyof typeof TIMEOUT_TYPES): ProtoFailure => ({
  message: `activity ${type} timeout`,
  timeoutFailureInfo: { timeoutType: TIMEOUT_TYPES[type] },
});

const activityFailure = ({ type, seq }: ScheduledActivity, cause: ProtoFailure): ProtoFailure => ({
  message: "Activity task failed",
  cause,
  activityFailureInfo: { activityType: { name: type }, activityId: String(seq) },
});

const childFailure = ({ workflowId, runId, type }: Execution, cause: ProtoFailure): ProtoFailure => ({
  message: "Child Workflow execution failed",
  cause,
  childWorkflowExecutionFailureInfo: { workflowType: { name: type }, workflowExecution: { workflowId, runId } },
});

function toMs(duration: { seconds?: unknown; nanos?: number | null } | null | undefined): number | undefined {
  if (duration === null || duration === undefined) return undefined;
  return Number(duration.seconds ?? 0) * 1000 + (duration.nanos ?? 0) / 1e6;
}
