/**
 * The activities of a simulated server: offered to whoever polls, tried again, missed where their worker is silent,
 * cancelled, timed out. An attempt that counts no more may go on all the same until its worker hears of it.
 */

import { CancelledFailure, defaultFailureConverter, defaultPayloadConverter } from "@temporalio/common";
import type { ProtoFailure } from "@temporalio/common";
import { encodeActivityCancellationType } from "@temporalio/common/lib/activity-options.js";
import type { StepContext } from "#activities/step";
import type { ServerTime } from "#test/chaos/fast/server-time";
import type { SimulatedProcess } from "#test/chaos/fast/simulated-process";
import { decode, encode } from "#test/chaos/fast/simulated-workflow";
import type { Command, Job } from "#test/chaos/fast/simulated-workflow";
import type { Scheduled, Simulation } from "#test/chaos/fast/simulation";

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

/** The workflow that asked for it. */
export interface ActivityOwner {
  readonly workflowId: string;
  readonly activities: Map<number, ScheduledActivity>;
  give(job: Job): void;
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

export interface ScheduledActivity {
  readonly seq: number;
  readonly type: string;
  readonly input: never;
  readonly queue: string;
  readonly owner: ActivityOwner;
  readonly limits: Limits;
  readonly retry: RetryPolicy;
  readonly waitsForCancellation: boolean;
  readonly scheduledAtMs: number;
  readonly timeouts: Scheduled[];
  attempt: number;
  /** Since when the next attempt could begin. */
  offeredAtMs: number;
  /** Why the attempt before this one did not do. */
  lastFailure: ProtoFailure | undefined;
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

const TIMEOUT_TYPES = { startToClose: 1, scheduleToStart: 2, scheduleToClose: 3, heartbeat: 4 } as const;
type TimeoutType = keyof typeof TIMEOUT_TYPES;
const WAIT_CANCELLATION_COMPLETED = encodeActivityCancellationType("WAIT_CANCELLATION_COMPLETED");
/** A worker hears of a cancellation, or that its attempt counts no more, with the answer to a heartbeat. */
const NEXT_BEAT = [100, 2_000] as const;

export interface ActivityServer {
  readonly sim: Simulation;
  readonly time: ServerTime;
  readonly runAttempt: RunAttempt;
  /** Milliseconds from one to another. */
  readonly network: readonly [fromMs: number, toMs: number];
}

export class SimulatedActivities {
  readonly #sim: Simulation;
  readonly #time: ServerTime;
  readonly #server: ActivityServer;
  readonly #pollers = new Map<string, Poller[]>();
  #attempts = new Set<Attempt>();
  #waiting: ScheduledActivity[] = [];
  /** Hears of every attempt as it starts. */
  onAttempt: ((type: string, workflowId: string) => void) | undefined;

  constructor(server: ActivityServer) {
    this.#server = server;
    this.#sim = server.sim;
    this.#time = server.time;
  }

  poll(queue: string, process: SimulatedProcess, activities: Activities): void {
    this.#pollers.set(queue, [...(this.#pollers.get(queue) ?? []), { process, activities }]);
  }

  /** Whether anybody is there for a queue. */
  isServed(queue: string): boolean {
    return this.#pollers.get(queue)?.some(({ process }) => process.canAct) ?? false;
  }

  /** Whoever could not be heard for longer than its time limit counts as dead, whether it is or not. */
  wereUnheard(forMs: number): void {
    for (const attempt of this.#attempts) {
      const { heartbeatMs } = attempt.activity.limits;
      if (heartbeatMs !== undefined && forMs > heartbeatMs) this.#timeOut(attempt, "heartbeat");
    }
  }

  /** Everybody who works finds out that nobody knows them. */
  forget(): void {
    for (const attempt of this.#attempts) this.#orphan(attempt);
    this.#attempts = new Set();
    this.#waiting = [];
  }

  /** A process died or stands still: it is missed after a while. */
  missed(process: SimulatedProcess): void {
    for (const attempt of this.#attempts) {
      const { heartbeatMs } = attempt.activity.limits;
      if (attempt.process !== process || heartbeatMs === undefined) continue;
      const missing = this.#time.at(heartbeatMs, () => {
        if (process.isStalled || attempt.pid !== process.identity.pid) this.#timeOut(attempt, "heartbeat");
      });
      attempt.timeouts.push(missing);
    }
  }

  /** Hands what waits to whoever polls. */
  dispatch(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const activity of waiting) this.#offer(activity);
  }

  schedule(owner: ActivityOwner, command: NonNullable<Command["scheduleActivity"]>): void {
    const activity: ScheduledActivity = {
      seq: command.seq ?? 0,
      type: command.activityType ?? "",
      input: decode(command.arguments?.[0]) as never,
      queue: command.taskQueue ?? "",
      owner,
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
      offeredAtMs: this.#sim.nowMs,
      lastFailure: undefined,
      running: undefined,
      isCancelRequested: false,
      isResolved: false,
    };
    owner.activities.set(activity.seq, activity);
    const { scheduleToCloseMs } = activity.limits;
    if (scheduleToCloseMs !== undefined) {
      activity.timeouts.push(
        this.#time.at(scheduleToCloseMs, () => this.#resolveTimedOut(activity, "scheduleToClose")),
      );
    }
    this.#enqueue(activity);
  }

  #enqueue(activity: ScheduledActivity): void {
    activity.offeredAtMs = this.#sim.nowMs;
    const { scheduleToStartMs } = activity.limits;
    const { attempt } = activity;
    if (scheduleToStartMs !== undefined) {
      const isStillWaiting = () =>
        !activity.isResolved && activity.running === undefined && activity.attempt === attempt;
      const check = () => (isStillWaiting() ? this.#resolveTimedOut(activity, "scheduleToStart") : undefined);
      activity.timeouts.push(this.#time.at(scheduleToStartMs, check));
    }
    this.#time.at(this.#sim.chance(...this.#server.network), () => this.#offer(activity));
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
    const { workflowId } = activity.owner;
    this.#sim.tell(process.name, `${activity.type} of ${workflowId}, attempt ${activity.attempt}`);
    this.onAttempt?.(activity.type, workflowId);
    const { startToCloseMs } = activity.limits;
    if (startToCloseMs !== undefined) {
      attempt.timeouts.push(this.#time.at(startToCloseMs, () => this.#timeOut(attempt, "startToClose")));
    }
    const context: StepContext = {
      signal: attempt.controller.signal,
      scheduledAtMs: activity.scheduledAtMs,
      attemptScheduledAtMs: activity.offeredAtMs,
      attempt: activity.attempt,
      heartbeat: () => undefined,
    };
    const work = activities[activity.type];
    if (work === undefined) throw new Error(`no activity ${activity.type} on ${activity.queue}`);
    const { generation } = this.#time;
    const isHeard = () => process.identity.pid === attempt.pid && generation === this.#time.generation;
    this.#sim.after(
      0,
      () => {
        if (!isHeard()) return;
        void this.#server
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
      if (this.#time.isUp) return tell();
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
    if (this.#retry(activity, failure) === "under way") return;
    this.#resolve(activity, { failed: { failure: activityFailure(activity, failure) } });
  }

  #timeOut(attempt: Attempt, type: TimeoutType): void {
    const { activity } = attempt;
    if (!this.#ends(attempt)) return;
    this.#orphan(attempt);
    const retry = this.#retry(activity, timeout(type));
    // As the server has it: where there is no time for another attempt, that is what it says.
    if (retry !== "under way") this.#failTimedOut(activity, retry === "too late" ? "scheduleToClose" : type);
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

  #retry(activity: ScheduledActivity, failure: ProtoFailure): "under way" | "too late" | "none" {
    const { retry, attempt, limits } = activity;
    const info = failure.applicationFailureInfo;
    const isFinal = info?.nonRetryable === true || retry.nonRetryable.includes(info?.type ?? "");
    const isUsedUp = retry.maximumAttempts > 0 && attempt >= retry.maximumAttempts;
    if (isFinal || isUsedUp || activity.isCancelRequested) return "none";
    const delayMs = Math.min(retry.initialMs * retry.coefficient ** (attempt - 1), retry.maximumMs);
    const { scheduleToCloseMs } = limits;
    if (scheduleToCloseMs !== undefined && this.#sim.nowMs + delayMs > activity.scheduledAtMs + scheduleToCloseMs) {
      return "too late";
    }
    activity.lastFailure = failure;
    this.#time.at(delayMs, () => (activity.isResolved ? undefined : this.#enqueue(activity)));
    return "under way";
  }

  cancel(owner: ActivityOwner, seq: number): void {
    const activity = owner.activities.get(seq);
    if (activity === undefined || activity.isResolved) return;
    activity.isCancelRequested = true;
    const { running } = activity;
    if (running === undefined || !activity.waitsForCancellation) {
      this.#resolve(activity, { cancelled: { failure: activityFailure(activity, cancelled()) } });
    }
    if (running !== undefined) this.#orphan(running);
  }

  #resolveTimedOut(activity: ScheduledActivity, type: TimeoutType): void {
    if (activity.isResolved) return;
    const { running } = activity;
    this.#failTimedOut(activity, type);
    if (running !== undefined) this.#orphan(running);
  }

  #failTimedOut(activity: ScheduledActivity, type: TimeoutType): void {
    const failure = timeout(type, activity.lastFailure);
    this.#resolve(activity, { failed: { failure: activityFailure(activity, failure) } });
  }

  #resolve(activity: ScheduledActivity, result: NonNullable<NonNullable<Job["resolveActivity"]>["result"]>): void {
    this.#settle(activity);
    activity.owner.activities.delete(activity.seq);
    activity.owner.give({ resolveActivity: { seq: activity.seq, result } });
  }

  #settle(activity: ScheduledActivity): void {
    activity.isResolved = true;
    for (const one of activity.timeouts) one.cancel();
  }

  /** The workflow that asked for them has closed. */
  abandon({ activities }: ActivityOwner): void {
    for (const activity of activities.values()) {
      this.#settle(activity);
      if (activity.running !== undefined) this.#orphan(activity.running);
    }
    activities.clear();
  }
}

const cancelled = (): ProtoFailure => ({ message: "cancelled", canceledFailureInfo: {} });

const timeout = (type: TimeoutType, cause?: ProtoFailure): ProtoFailure => ({
  message: `activity ${type} timeout`,
  ...(cause && { cause }),
  timeoutFailureInfo: { timeoutType: TIMEOUT_TYPES[type] },
});

const activityFailure = ({ type, seq }: ScheduledActivity, cause: ProtoFailure): ProtoFailure => ({
  message: "Activity task failed",
  cause,
  activityFailureInfo: { activityType: { name: type }, activityId: String(seq) },
});

export function toMs(duration: { seconds?: unknown; nanos?: number | null } | null | undefined): number | undefined {
  if (duration === null || duration === undefined) return undefined;
  return Number(duration.seconds ?? 0) * 1000 + (duration.nanos ?? 0) / 1e6;
}
