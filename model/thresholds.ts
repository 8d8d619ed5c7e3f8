/** Whether a sweep kept what its spec promises. */

import { hitDeadline, type PointSummary } from "#model/point-summary";
import type { Threshold } from "#model/spec";
import { median } from "#model/statistics";

export interface ThresholdMiss {
  readonly threshold: Threshold;
  readonly point: PointSummary;
  /** `null` where no VALID repetition has a figure: a bound that nobody measured is not kept. */
  readonly observed: number | null;
  /** `observed` is that of the VALID repetitions; the true one is larger, since too many others ended at their deadline. */
  readonly isLowerBound: boolean;
}

const COMPARE: Record<Threshold["comparison"], (observed: number, bound: number) => boolean> = {
  "<": (observed, bound) => observed < bound,
  "<=": (observed, bound) => observed <= bound,
  ">": (observed, bound) => observed > bound,
  ">=": (observed, bound) => observed >= bound,
};

const STATISTICS: Record<Threshold["statistic"], (values: readonly number[]) => number> = {
  median,
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
};

/**
 * Every bound that a point does not keep, points in their order. The VALID repetitions count, and those that ended at their
 * deadline as infinitely slow: left out, they would make a point look the better the more of its runs cannot cope.
 */
export function findThresholdMisses(
  thresholds: readonly Threshold[],
  points: readonly PointSummary[],
): ThresholdMiss[] {
  return points.flatMap((point) =>
    thresholds.flatMap((threshold) => {
      const { column, statistic, comparison, bound } = threshold;
      const values = point.valid.flatMap((row) => row[column] ?? []);
      if (values.length === 0) return { threshold, point, observed: null, isLowerBound: false };
      const late = point.rows.filter(hitDeadline).map(() => Infinity);
      const figure = STATISTICS[statistic]([...values, ...late]);
      if (COMPARE[comparison](figure, bound)) return [];
      const isLowerBound = figure === Infinity;
      return { threshold, point, observed: isLowerBound ? STATISTICS[statistic](values) : figure, isLowerBound };
    }),
  );
}

/** `median deviation_pct < 5` */
export const formatThreshold = ({ statistic, column, comparison, bound }: Threshold): string =>
  `${statistic} ${column} ${comparison} ${bound}`;
