/** Where a sweep stands: what its query answers, what its page in Temporal says, what it takes along to a new history. */

import { setCurrentDetails, setHandler, workflowInfo } from "@temporalio/workflow";
import type { RunStatus } from "#model/errors";
import { unpackPlan } from "#model/packed-plan";
import type { SweepPoint } from "#model/packed-plan";
import type { PlannedRun } from "#model/plan";
import type { RunRow } from "#model/result-row";
import type { PreparedEnvironment } from "#model/run";
import { getSweepProgressQuery } from "#workflows/messages";
import type { CarriedSweep, StatusCounts, SweepInput, SweepProgress, SweepSummary } from "#workflows/messages";

const ROWS_SHOWN = 10;

export class SweepJournal {
  /** UTC, ISO 8601. */
  readonly startedAt: string;
  readonly runsPlanned: number;
  readonly #sweepId: string;
  readonly #points: ReadonlyMap<number, SweepPoint>;
  readonly #runsByHost: ReadonlyMap<string, readonly PlannedRun[]>;
  readonly #runsDoneByHost: Map<string, number>;
  readonly #current = new Set<string>();
  #environments: readonly PreparedEnvironment[];
  #statusCounts: StatusCounts;
  #lastRows: readonly RunRow[];

  constructor({ sweepId, plan, carried }: SweepInput) {
    const { points, runs } = unpackPlan(plan);
    this.startedAt = carried?.startedAt ?? workflowInfo().startTime.toISOString();
    this.runsPlanned = runs.length;
    this.#sweepId = sweepId;
    this.#points = points;
    this.#runsByHost = Map.groupBy(runs, ({ point }) => this.#hostOf(point, plan.spec.environments));
    this.#runsDoneByHost = new Map(Object.entries(carried?.runsDoneByHost ?? {}));
    this.#environments = carried?.environments ?? [];
    this.#statusCounts = carried?.statusCounts ?? {};
    this.#lastRows = carried?.lastRows ?? [];
    setHandler(getSweepProgressQuery, () => this.#progress);
    this.#show();
  }

  get hosts(): string[] {
    return [...this.#runsByHost.keys()];
  }

  point(index: number): SweepPoint {
    const point = this.#points.get(index);
    if (point === undefined) throw new RangeError(`the plan has no point ${index}`);
    return point;
  }

  environment(name: string): PreparedEnvironment {
    const environment = this.#environments.find((one) => one.name === name);
    if (environment === undefined) throw new RangeError(`environment ${name} was not prepared`);
    return environment;
  }

  /** In their order; those of earlier histories are left out. */
  runsLeft(host: string): readonly PlannedRun[] {
    return (this.#runsByHost.get(host) ?? []).slice(this.#runsDoneByHost.get(host) ?? 0);
  }

  get hasRunsLeft(): boolean {
    return this.hosts.some((host) => this.runsLeft(host).length > 0);
  }

  prepared(environments: readonly PreparedEnvironment[]): void {
    this.#environments = environments;
  }

  begun(runId: string): void {
    this.#current.add(runId);
    this.#show();
  }

  /** An attempt has ended; a cancelled one leaves no row here. */
  ended(runId: string, status: RunStatus, row?: RunRow): void {
    this.#current.delete(runId);
    this.#statusCounts = { ...this.#statusCounts, [status]: (this.#statusCounts[status] ?? 0) + 1 };
    if (row !== undefined) this.#lastRows = [row, ...this.#lastRows].slice(0, ROWS_SHOWN);
    this.#show();
  }

  /** A planned run needs no further attempt. */
  done(host: string): void {
    this.#runsDoneByHost.set(host, (this.#runsDoneByHost.get(host) ?? 0) + 1);
    this.#show();
  }

  get carried(): CarriedSweep {
    return {
      startedAt: this.startedAt,
      environments: this.#environments,
      runsDoneByHost: Object.fromEntries(this.#runsDoneByHost),
      statusCounts: this.#statusCounts,
      lastRows: this.#lastRows,
    };
  }

  get summary(): SweepSummary {
    return { sweepId: this.#sweepId, runsPlanned: this.runsPlanned, statusCounts: this.#statusCounts };
  }

  get #runsDone(): number {
    return [...this.#runsDoneByHost.values()].reduce((sum, done) => sum + done, 0);
  }

  /** Hosts measure beside each other, so the one with most before it decides. */
  get #secLeft(): number {
    const secOf = (host: string) =>
      this.runsLeft(host).reduce((sum, { point }) => sum + this.point(point).estimatedSec, 0);
    return Math.max(0, ...this.hosts.map(secOf));
  }

  get #progress(): SweepProgress {
    const [currentRunId] = this.#current;
    return {
      ...this.summary,
      runsDone: this.#runsDone,
      secLeft: this.#secLeft,
      ...(currentRunId === undefined ? {} : { currentRunId }),
      lastRows: this.#lastRows,
    };
  }

  #show(): void {
    const counts = Object.entries(this.#statusCounts).map(([status, count]) => `${status} ${count}`);
    const now = [...this.#current].map((runId) => `now: ${runId}`);
    const head = `${this.#runsDone} of ${this.runsPlanned} runs done`;
    setCurrentDetails([head, counts.join(", "), ...now].filter(Boolean).join("\n\n"));
  }

  #hostOf(point: number, environments: readonly { readonly name: string; readonly host: string }[]): string {
    const name = this.point(point).point.environment;
    const environment = environments.find((one) => one.name === name);
    if (environment === undefined) throw new RangeError(`the spec has no environment ${name}`);
    return environment.host;
  }
}
