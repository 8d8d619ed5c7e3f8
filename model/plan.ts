/** From a spec to the runs it stands for: which, in which order, how large, how long. Creates nothing. */

import type { DatabaseSizing, Point } from "#model/run";
import type { Spec } from "#model/spec";

/** K = round(D·duration/60 s), at least 1: tuples of one node. */
export const tupleCountOf = ({ ratePerMin, durationSec }: Pick<Point, "ratePerMin" | "durationSec">): number =>
  Math.max(1, Math.round((ratePerMin * durationSec) / 60));

/** K·60/D, in seconds. */
export const expectedSecOf = (point: Pick<Point, "ratePerMin" | "durationSec">): number =>
  (tupleCountOf(point) * 60) / point.ratePerMin;

/** A run before its first attempt: which repetition of which point. */
export interface PlannedRun {
  /** `Point.index`. */
  readonly point: number;
  readonly repetition: number;
}

export interface SkippedPoint {
  readonly point: Point;
  readonly why: string;
}

export interface PointPlan {
  readonly point: Point;
  readonly sizing: DatabaseSizing;
  /** Rows that each database must hold: N·K. */
  readonly rowsPerDatabase: number;
  /** What one node needs, to be held against its limit. */
  readonly memoryNeededMib: number;
  readonly deadlineSec: number;
  /** One run from provision to teardown, in seconds. */
  readonly estimatedSec: number;
  /** Statements worth knowing, such as a last partial batch. */
  readonly notes: readonly string[];
}

export interface Plan {
  readonly spec: Spec;
  readonly points: readonly PointPlan[];
  readonly skipped: readonly SkippedPoint[];
  /** In the order they are measured. */
  readonly runs: readonly PlannedRun[];
  readonly estimatedSec: number;
}
