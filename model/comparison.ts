/** Two sets of runs, point by point: is one better than the other, and by how much? */

import { medianDifferenceInterval, type Interval } from "#model/bootstrap";
import { leastP, mannWhitney } from "#model/mann-whitney";
import {
  FACTOR_COLUMNS,
  hitDeadline,
  summarisePoints,
  type FactorColumn,
  type FigureColumn,
  type PointSummary,
} from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import { median } from "#model/statistics";

/** What is compared; of each, less is better. */
const COMPARED_COLUMNS = [
  "deviation_pct",
  "lateness_remote_p99_ms",
  "lateness_local_p99_ms",
  "sync_s",
  "provision_s",
] as const satisfies readonly FigureColumn[];

export type ComparedColumn = (typeof COMPARED_COLUMNS)[number];

/** What the verdict rests on: of many measures, one is off by chance. */
export const DECIDING_COLUMNS: ReadonlySet<ComparedColumn> = new Set(["deviation_pct", "lateness_remote_p99_ms"]);

/** A difference is shown where its p-value is below. */
export const ALPHA = 0.05;

/** Fewer repetitions on a side, and no 95 % interval of a median exists. */
export const REPETITIONS_LEAST = 6;

/** `better` and `worse` are b's, seen from a; `~`: none is shown. */
export type Change = "better" | "worse" | "~";

export interface Difference {
  readonly column: ComparedColumn;
  readonly a: { readonly n: number; readonly median: number };
  readonly b: { readonly n: number; readonly median: number };
  /** median(b) − median(a), in the column's unit. */
  readonly difference: number;
  /** Of the difference, 95 %; absent below six repetitions on a side. */
  readonly interval?: Interval;
  /** Of the two-sided Mann-Whitney test. */
  readonly p: number;
  readonly change: Change;
  /** So few repetitions that no values could show a difference. */
  readonly isTooFew: boolean;
}

export interface PointComparison {
  readonly a: PointSummary;
  readonly b: PointSummary;
  /** Without those that one side has no figure of. */
  readonly differences: readonly Difference[];
  /** Runs that hit their deadline: how slow they were is unknown, so what is compared flatters that side. */
  readonly deadlineCounts: { readonly a: number; readonly b: number };
}

export interface Comparison {
  readonly points: readonly PointComparison[];
  /** Measured on one side only. */
  readonly onlyA: readonly PointSummary[];
  readonly onlyB: readonly PointSummary[];
  readonly verdict: Change;
}

export interface CompareRequest {
  /** The baseline. */
  readonly a: readonly RunRow[];
  readonly b: readonly RunRow[];
  readonly seed: number;
}

/**
 * Points are the same where all factors are. Where each side is of one environment, they are compared whatever they are
 * called: that is how containers stand against VMs, or a pull request's head against its base.
 */
export function compareRuns({ a, b, seed }: CompareRequest): Comparison {
  const names = [a, b].map((rows) => new Set(rows.map(({ environment }) => environment)).size);
  const keyed = FACTOR_COLUMNS.filter((column) => column !== "environment" || names.some((count) => count > 1));
  const [pointsA, pointsB] = [byFactors(a, keyed), byFactors(b, keyed)];
  const points = [...pointsA].flatMap(([key, point]) => {
    const other = pointsB.get(key);
    return other === undefined ? [] : [comparePoint(point, other, seed)];
  });
  return {
    points,
    onlyA: missingFrom(pointsB, pointsA),
    onlyB: missingFrom(pointsA, pointsB),
    verdict: verdictOf(points),
  };
}

/**
 * Worse anywhere is worse: a gain at one point does not pay for a loss at another. Of many tests some are off by chance, so
 * a difference counts here only if it stands among all of them.
 * @see Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6(2)
 */
function verdictOf(points: readonly PointComparison[]): Change {
  const deciding = points.flatMap(({ differences }) =>
    differences.filter(({ column }) => DECIDING_COLUMNS.has(column)),
  );
  const ascending = deciding.toSorted((a, b) => a.p - b.p);
  const first = ascending.findIndex(({ p }, rank) => p * (ascending.length - rank) >= ALPHA);
  const changes = new Set(ascending.slice(0, first < 0 ? undefined : first).map(({ change }) => change));
  if (changes.has("worse")) return "worse";
  return changes.has("better") ? "better" : "~";
}

function byFactors(rows: readonly RunRow[], columns: readonly FactorColumn[]): Map<string, PointSummary> {
  const keyOf = ({ factors }: PointSummary) => JSON.stringify(columns.map((column) => factors[column]));
  return new Map(summarisePoints(rows).map((point) => [keyOf(point), point]));
}

const missingFrom = (there: Map<string, PointSummary>, here: Map<string, PointSummary>): PointSummary[] =>
  [...here].filter(([key]) => !there.has(key)).map(([, point]) => point);

function comparePoint(a: PointSummary, b: PointSummary, seed: number): PointComparison {
  const deadlineCounts = { a: a.rows.filter(hitDeadline).length, b: b.rows.filter(hitDeadline).length };
  return { a, b, deadlineCounts, differences: COMPARED_COLUMNS.flatMap((column) => compareColumn(column, a, b, seed)) };
}

function compareColumn(column: ComparedColumn, a: PointSummary, b: PointSummary, seed: number): Difference[] {
  const [valuesA, valuesB] = [a, b].map(({ valid }) => valid.flatMap((row) => row[column] ?? [])) as [
    number[],
    number[],
  ];
  if (valuesA.length === 0 || valuesB.length === 0) return [];
  const { p } = mannWhitney(valuesA, valuesB);
  const [medianA, medianB] = [median(valuesA), median(valuesB)];
  const hasInterval = Math.min(valuesA.length, valuesB.length) >= REPETITIONS_LEAST;
  return [
    {
      column,
      a: { n: valuesA.length, median: medianA },
      b: { n: valuesB.length, median: medianB },
      difference: medianB - medianA,
      ...(hasInterval && { interval: medianDifferenceInterval(valuesA, valuesB, seed) }),
      p,
      change: p >= ALPHA || medianA === medianB ? "~" : medianB < medianA ? "better" : "worse",
      isTooFew: leastP(valuesA.length, valuesB.length) >= ALPHA,
    },
  ];
}
