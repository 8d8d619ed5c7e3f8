/** Two sets of runs, point by point: is one better than the other, and by how much? */

import { medianDifferenceInterval, type Interval } from "#model/bootstrap";
import { leastP, mannWhitney } from "#model/mann-whitney";
import {
  FACTOR_COLUMNS,
  countedRuns,
  hitDeadline,
  summarisePoints,
  withLowerBounds,
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

/** What grows while an environment cannot carry its load: of a run at its deadline, the least of it is known, or nothing. */
const LOAD_COLUMNS: ReadonlySet<ComparedColumn> = new Set([
  "deviation_pct",
  "lateness_remote_p99_ms",
  "lateness_local_p99_ms",
]);

/** A difference is shown where its p-value is below. */
export const ALPHA = 0.05;

/** Fewer repetitions on a side, and no 95 % interval of a median exists. */
export const REPETITIONS_LEAST = 6;

/** `better` and `worse` are b's, seen from a; `~`: none is shown. */
export type Change = "better" | "worse" | "~";

/** Of one column, over one side's VALID repetitions. */
export interface SideFigure {
  readonly n: number;
  readonly median: number;
  /**
   * Some runs ended at their deadline. Their deviation counts as what it was by then, so the true median is this or more;
   * their lateness is unknown, and missing.
   */
  readonly isLowerBound: boolean;
}

export interface Difference {
  readonly column: ComparedColumn;
  readonly a: SideFigure;
  readonly b: SideFigure;
  /** median(b) − median(a), in the column's unit. */
  readonly difference: number;
  /** Of the difference, 95 %; absent below six repetitions on a side, and where a median is a lower bound. */
  readonly interval?: Interval;
  /** Of the two-sided Mann-Whitney test. */
  readonly p: number;
  readonly change: Change;
  /** So few repetitions that no values could show a difference. */
  readonly isTooFew: boolean;
}

/**
 * What a point can contribute to a verdict. `broken`: a has VALID runs and b ended none as it should, so that nothing needs
 * a test. `missing`: a deciding figure is there on one side only, or on none. `few`: whatever the values, so few repetitions
 * could not show a difference among that many tests.
 */
export type Evidence = "enough" | "few" | "missing" | "broken";

export interface PointComparison {
  readonly a: PointSummary;
  readonly b: PointSummary;
  /** Without those that one side has no figure of. */
  readonly differences: readonly Difference[];
  readonly evidence: Evidence;
}

export interface Comparison {
  readonly points: readonly PointComparison[];
  /** Measured on one side only. */
  readonly onlyA: readonly PointSummary[];
  readonly onlyB: readonly PointSummary[];
  readonly verdict: Change;
  /** A side's least number of VALID repetitions at a point with which a difference there can decide. */
  readonly repetitionsNeeded: number;
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
  const shared = [...pointsA].flatMap(([key, point]) => {
    const other = pointsB.get(key);
    return other === undefined ? [] : [comparePoint(point, other, seed)];
  });
  const testCount = shared.flatMap(decidingOf).length;
  const points = shared.map((point) => Object.assign({ evidence: evidenceOf(point, testCount) }, point));
  return {
    points,
    onlyA: missingFrom(pointsB, pointsA),
    onlyB: missingFrom(pointsA, pointsB),
    verdict: verdictOf(points),
    repetitionsNeeded: repetitionsNeeded(testCount),
  };
}

/** Whether a difference that matters would have been seen, had there been one. */
export const isDecided = ({ points, onlyA, onlyB }: Comparison): boolean =>
  points.length > 0 && onlyA.length + onlyB.length === 0 && points.every(({ evidence }) => evidence === "enough");

type ComparedPoint = Omit<PointComparison, "evidence">;

const decidingOf = ({ differences }: ComparedPoint): Difference[] =>
  differences.filter(({ column }) => DECIDING_COLUMNS.has(column));

function evidenceOf(point: ComparedPoint, testCount: number): Evidence {
  const { a, b } = point;
  // A SUSPECT run did what it should, and others disturbed it: that accuses nobody.
  if (a.valid.length > 0 && b.valid.length + b.statusCounts.SUSPECT === 0) return "broken";
  const deciding = decidingOf(point);
  const known = [...DECIDING_COLUMNS].filter((column) => [a, b].some((side) => figuresOf(side, column).length > 0));
  if (deciding.length === 0 || deciding.length < known.length) return "missing";
  return deciding.some((one) => !canDecide(one.a.n, one.b.n, testCount)) ? "few" : "enough";
}

/** Whether values that lie as far apart as they can stand among so many tests. */
const canDecide = (sizeA: number, sizeB: number, testCount: number): boolean =>
  leastP(sizeA, sizeB) * testCount < ALPHA;

function repetitionsNeeded(testCount: number): number {
  let repetitions = 1;
  while (!canDecide(repetitions, repetitions, testCount)) repetitions++;
  return repetitions;
}

/**
 * Worse anywhere is worse, and so is what runs no more: a gain at one point does not pay for a loss at another. Of many
 * tests some are off by chance, so a difference counts here only if it stands among all of them.
 * @see Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6(2)
 */
function verdictOf(points: readonly PointComparison[]): Change {
  if (points.some(({ evidence }) => evidence === "broken")) return "worse";
  const ascending = points.flatMap(decidingOf).toSorted((a, b) => a.p - b.p);
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

const comparePoint = (a: PointSummary, b: PointSummary, seed: number): ComparedPoint => ({
  a,
  b,
  differences: COMPARED_COLUMNS.flatMap((column) => compareColumn(column, a, b, seed)),
});

function compareColumn(column: ComparedColumn, a: PointSummary, b: PointSummary, seed: number): Difference[] {
  const [valuesA, valuesB] = [figuresOf(a, column), figuresOf(b, column)];
  if (valuesA.length === 0 || valuesB.length === 0) return [];
  const { p } = mannWhitney(valuesA, valuesB);
  const [sideA, sideB] = [sideFigure(a, column, valuesA), sideFigure(b, column, valuesB)];
  const hasInterval = Math.min(sideA.n, sideB.n) >= REPETITIONS_LEAST && !sideA.isLowerBound && !sideB.isLowerBound;
  return [
    {
      column,
      a: sideA,
      b: sideB,
      difference: sideB.median - sideA.median,
      ...(hasInterval && { interval: medianDifferenceInterval(valuesA, valuesB, seed) }),
      p,
      change: p >= ALPHA || sideA.median === sideB.median ? "~" : sideB.median < sideA.median ? "better" : "worse",
      isTooFew: leastP(sideA.n, sideB.n) >= ALPHA,
    },
  ];
}

/** A run at its deadline has a deviation that was reached; everything else of it was measured otherwise, or not at all. */
export const figuresOf = ({ rows }: PointSummary, column: ComparedColumn): number[] =>
  countedRuns(column === "deviation_pct" ? withLowerBounds(rows) : rows).flatMap((row) => row[column] ?? []);

const sideFigure = ({ rows }: PointSummary, column: ComparedColumn, values: readonly number[]): SideFigure => ({
  n: values.length,
  median: median(values),
  isLowerBound: LOAD_COLUMNS.has(column) && rows.some(hitDeadline),
});
