/** Where a sweep stands: what its query answers, what its page in Temporal says, what it takes along to a new history. */

import { setCurrentDetails, setHandler, workflowInfo } from "@temporalio/workflow";
import type { RunStatus } from "#model/errors";
import { unpackPlan } from "#model/packed-plan";
import type { SweepPoint } from "#model/packed-plan";
import type { PlannedRun } from "#model/plan";
import type { RunRow } from "#model/result-row";
import type { PreparedEnvironment } from "#model/run";
import type { StatusCounts, SweepProgress } from "#model/sweep-progress";
import { allWork } from "#model/sweep-work";
import type { PastAttempt } from "#model/sweep-work";
import { getSweepProgressQuery } from "#workflows/messages";
import type { CarriedSweep, PackedTask, SweepInput, SweepSummary, SweepTask } from "#workflows/messages";

const ROWS_SHOWN = 10;

export class SweepJournal {
  /** When the sweep first began: UTC, ISO 8601. */
  readonly startedAt: string;
  /** When it got in line; later where it was resumed: UTC, ISO 8601. */
  readonly arrivedAt: string;
  /** Every run of the plan, in its order. */
  readonly runs: readonly PlannedRun[];
  readonly #sweepId: string;
  readonly #points: ReadonlyMap<number, SweepPoint>;
  readonly #hostOfPoint: ReadonlyMap<number, string>;
  readonly #current = new Set<string>();
  #tasks: readonly SweepTask[];
  #isPaused: boolean;
  #environments: readonly PreparedEnvironment[];
  #statusCounts: StatusCounts;
  #lastRows: readonly RunRow[];

  constructor({ sweepId, plan, resumed, carried }: SweepInput) {
    const { points, runs } = unpackPlan(plan);
    const beganAt = workflowInfo().startTime.toISOString();
    const hosts = new Map(plan.spec.environments.map(({ name, host }) => [name, host]));
    this.startedAt = carried?.startedAt ?? resumed?.startedAt ?? beganAt;
    this.arrivedAt = carried?.arrivedAt ?? beganAt;
    this.runs = runs;
    this.#sweepId = sweepId;
    this.#points = points;
    this.#hostOfPoint = new Map([...points].map(([index, { point }]) => [index, hosts.get(point.environment) ?? ""]));
    this.#tasks = carried?.tasks.map(unpackTask) ?? allWork(runs);
    this.#isPaused = carried?.isPaused ?? false;
    this.#environments = carried?.environments ?? resumed?.environments ?? [];
    this.#statusCounts = carried?.statusCounts ?? {};
    this.#lastRows = carried?.lastRows ?? [];
    setHandler(getSweepProgressQuery, () => this.#progress);
    this.#show();
  }

  get runsPlanned(): number {
    return this.runs.length;
  }

  get hosts(): string[] {
    return [...new Set(this.#hostOfPoint.values())];
  }

  point(index: number): SweepPoint {
    const point = this.#points.get(index);
    if (point === undefined) throw new RangeError(`the plan has no point ${index}`);
    return point;
  }

  /** Empty until they are prepared. */
  get environments(): readonly PreparedEnvironment[] {
    return this.#environments;
  }

  environment(name: string): PreparedEnvironment {
    const environment = this.#environments.find((one) => one.name === name);
    if (environment === undefined) throw new RangeError(`environment ${name} was not prepared`);
    return environment;
  }

  prepared(environments: readonly PreparedEnvironment[]): void {
    this.#environments = environments;
  }

  /** What is left here, in the plan's order. */
  tasksOn(host: string): readonly SweepTask[] {
    return this.#tasks.filter(({ point }) => this.#hostOfPoint.get(point) === host);
  }

  get runsLeft(): number {
    return this.#tasks.length;
  }

  /** By the plan's estimate. */
  secLeftOn(host: string): number {
    return this.tasksOn(host).reduce((sum, { point }) => sum + this.point(point).estimatedSec, 0);
  }

  /** An earlier workflow of this sweep has measured something already. */
  goOnWith(tasks: readonly SweepTask[], past: readonly PastAttempt[]): void {
    this.#tasks = tasks;
    for (const { status } of past) this.#count(status);
    this.#show();
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** @returns Whether that is news. */
  setPaused(isPaused: boolean): boolean {
    const isNews = isPaused !== this.#isPaused;
    this.#isPaused = isPaused;
    this.#show();
    return isNews;
  }

  begun(runId: string): void {
    this.#current.add(runId);
    this.#show();
  }

  /** An attempt has ended; a cancelled one leaves no row here. */
  ended(runId: string, status: RunStatus, row?: RunRow): void {
    this.#current.delete(runId);
    this.#count(status);
    if (row !== undefined) this.#lastRows = [row, ...this.#lastRows].slice(0, ROWS_SHOWN);
    this.#show();
  }

  /** A repetition needs no further attempt. */
  done(task: SweepTask): void {
    this.#tasks = this.#tasks.filter((other) => other !== task);
    this.#show();
  }

  get carried(): CarriedSweep {
    return {
      startedAt: this.startedAt,
      arrivedAt: this.arrivedAt,
      isPaused: this.#isPaused,
      environments: this.#environments,
      tasks: this.#tasks.map(packTask),
      statusCounts: this.#statusCounts,
      lastRows: this.#lastRows,
    };
  }

  get summary(): SweepSummary {
    return { sweepId: this.#sweepId, runsPlanned: this.runsPlanned, statusCounts: this.#statusCounts };
  }

  get #runsDone(): number {
    return this.runsPlanned - this.runsLeft;
  }

  #count(status: RunStatus): void {
    this.#statusCounts = { ...this.#statusCounts, [status]: (this.#statusCounts[status] ?? 0) + 1 };
  }

  get #progress(): SweepProgress {
    const [currentRunId] = this.#current;
    return {
      ...this.summary,
      runsDone: this.#runsDone,
      isPaused: this.#isPaused,
      // Hosts measure beside each other, so the one with most before it decides.
      secLeft: Math.max(0, ...this.hosts.map((host) => this.secLeftOn(host))),
      currentRunIds: [...this.#current],
      ...(currentRunId === undefined ? {} : { currentRunId }),
      lastRows: this.#lastRows,
    };
  }

  #show(): void {
    const counts = Object.entries(this.#statusCounts).map(([status, count]) => `${status} ${count}`);
    const now = [...this.#current].map((runId) => `now: ${runId}`);
    const pause = this.#isPaused ? `**paused**, goes on with: meshbench resume ${this.#sweepId}` : "";
    const head = `${this.#runsDone} of ${this.runsPlanned} runs done`;
    setCurrentDetails([head, pause, counts.join(", "), ...now].filter(Boolean).join("\n\n"));
  }
}

const packTask = ({ point, repetition, attempt, used, earlier }: SweepTask): PackedTask =>
  earlier === undefined ? [point, repetition, attempt, used] : [point, repetition, attempt, used, earlier];

const unpackTask = ([point, repetition, attempt, used, earlier]: PackedTask): SweepTask => ({
  point,
  repetition,
  attempt,
  used,
  ...(earlier === undefined ? {} : { earlier }),
});
