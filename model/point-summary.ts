/** What the repetitions of each point say together: the figures of every table, plot and threshold. */

import type { RunStatus } from "#model/errors";
import type { RunRow } from "#model/result-row";
import { median, medianInterval, type MedianInterval } from "#model/statistics";

export const RUN_STATUSES = ["VALID", "SUSPECT", "INVALID", "FAILED", "CANCELLED"] as const satisfies RunStatus[];

/** What makes a point, in the order in which points are listed: arms of one load stand beside each other. */
export const FACTOR_COLUMNS = [
  "mode",
  "engine",
  "client",
  "release",
  "resolve",
  "phase",
  "duration_s",
  "aggregation",
  "cpus",
  "memory_mib",
  "nodes",
  "rate_per_min",
  "environment",
] as const satisfies readonly (keyof RunRow)[];

export type FactorColumn = (typeof FACTOR_COLUMNS)[number];

/** Columns that are figures where a run got far enough. */
export type FigureColumn = {
  [C in keyof RunRow]-?: number extends RunRow[C] ? (null extends RunRow[C] ? C : never) : never;
}[keyof RunRow];

export interface Summary {
  /** VALID repetitions with a figure, each once. */
  readonly n: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** At 95 %; absent below six repetitions, and where some ended at their deadline. */
  readonly interval?: MedianInterval;
  /**
   * Some runs ended at their deadline and are missing here: of the slowest only a lower bound is known, so the true
   * median is this or more.
   */
  readonly isLowerBound: boolean;
}

export interface PointSummary {
  readonly factors: Readonly<Pick<RunRow, FactorColumn>>;
  /** Every attempt, also replaced ones. */
  readonly rows: readonly RunRow[];
  /** See `countedRuns`. */
  readonly valid: readonly RunRow[];
  readonly statusCounts: StatusCounts;
  /** Attempts that ended at their deadline. */
  readonly deadlineCount: number;
  /** All VALID repetitions are. */
  readonly quotable: boolean;
}

export type StatusCounts = Readonly<Record<RunStatus, number>>;

/** @returns Points in the order of their factors, whatever the order of the rows. */
export function summarisePoints(rows: readonly RunRow[]): PointSummary[] {
  return [...Map.groupBy(rows, pointKey).values()].map(summarisePoint).toSorted(byFactors);
}

/**
 * What medians and intervals are made of: the first VALID attempt of each repetition. There may be a second, where one was
 * collected from kept nodes while the next waited already.
 */
export function countedRuns(rows: readonly RunRow[]): RunRow[] {
  const valid = rows.filter(({ status }) => status === "VALID");
  const repetitions = [...Map.groupBy(valid, repetitionKey).values()];
  const firsts = new Set(repetitions.map((attempts) => attempts.toSorted(byAttempt)[0]));
  return valid.filter((row) => firsts.has(row));
}

/** The median and its interval over the counted ones among the rows; `undefined` where none has a figure. */
export function summariseColumn(rows: readonly RunRow[], column: FigureColumn): Summary | undefined {
  const values = countedRuns(rows).flatMap((row) => row[column] ?? []);
  if (values.length === 0) return undefined;
  const isLowerBound = rows.some(hitDeadline);
  const interval = isLowerBound ? undefined : medianInterval(values);
  return {
    n: values.length,
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    ...(interval && { interval }),
    isLowerBound,
  };
}

export function countStatuses(rows: readonly RunRow[]): StatusCounts {
  const counts = { VALID: 0, SUSPECT: 0, INVALID: 0, FAILED: 0, CANCELLED: 0 };
  for (const { status } of rows) counts[status]++;
  return counts;
}

/** Such a run's `elapsed_s` and deviation are the least they would have been. */
export const hitDeadline = ({ reason }: Pick<RunRow, "reason">): boolean => reason.startsWith("deadline:");

/**
 * Runs that hit their deadline count with what they had by then: a load that is carried no longer is the greatest of
 * changes, and would leave no figure.
 */
export const withLowerBounds = (rows: readonly RunRow[]): RunRow[] =>
  rows.map((row) => (hitDeadline(row) && row.deviation_pct !== null ? Object.assign({}, row, VALID) : row));

const VALID = { status: "VALID", reason: "" } as const;

/** Attempts in whose place a later one of the same repetition stands. */
export function replacedAttempts(rows: readonly RunRow[]): Set<RunRow> {
  const repetitions = Map.groupBy(rows, repetitionKey);
  return new Set([...repetitions.values()].flatMap((attempts) => attempts.toSorted(byAttempt).slice(0, -1)));
}

const repetitionKey = (row: RunRow): string => `${row.sweep_id} ${pointKey(row)} ${row.repetition}`;

const pointKey = (row: Pick<RunRow, FactorColumn>): string =>
  JSON.stringify(FACTOR_COLUMNS.map((column) => row[column]));

function summarisePoint(rows: readonly RunRow[]): PointSummary {
  const [first] = rows;
  if (!first) throw new RangeError("a point without rows");
  const valid = countedRuns(rows);
  return {
    factors: first,
    rows,
    valid,
    statusCounts: countStatuses(rows),
    deadlineCount: rows.filter(hitDeadline).length,
    quotable: valid.length > 0 && valid.every(({ quotable }) => quotable),
  };
}

function byFactors(a: PointSummary, b: PointSummary): number {
  for (const column of FACTOR_COLUMNS) {
    const order = compareFactors(a.factors[column], b.factors[column]);
    if (order !== 0) return order;
  }
  return 0;
}

/** Numbers by size, words by the alphabet. */
export function compareFactors(a: string | number, b: string | number): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [left, right] = [String(a), String(b)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

const byAttempt = (a: RunRow, b: RunRow): number => a.attempt - b.attempt;
