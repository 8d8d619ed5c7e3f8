/** Whether a sweep kept what its spec promises. */

import { summariseColumn, type PointSummary } from "#model/point-summary";
import type { Threshold } from "#model/spec";

export interface ThresholdMiss {
  readonly threshold: Threshold;
  readonly point: PointSummary;
  /** `null` where no VALID repetition has a figure: a bound that nobody measured is not kept. */
  readonly observed: number | null;
}

const COMPARE: Record<Threshold["comparison"], (observed: number, bound: number) => boolean> = {
  "<": (observed, bound) => observed < bound,
  "<=": (observed, bound) => observed <= bound,
  ">": (observed, bound) => observed > bound,
  ">=": (observed, bound) => observed >= bound,
};

/** Every bound that a point's VALID repetitions do not keep, points in their order. */
export function findThresholdMisses(
  thresholds: readonly Threshold[],
  points: readonly PointSummary[],
): ThresholdMiss[] {
  return points.flatMap((point) =>
    thresholds.flatMap((threshold) => {
      const observed = summariseColumn(point.rows, threshold.column)?.[threshold.statistic] ?? null;
      const isKept = observed !== null && COMPARE[threshold.comparison](observed, threshold.bound);
      return isKept ? [] : { threshold, point, observed };
    }),
  );
}

/** `median deviation_pct < 5` */
export const formatThreshold = ({ statistic, column, comparison, bound }: Threshold): string =>
  `${statistic} ${column} ${comparison} ${bound}`;
