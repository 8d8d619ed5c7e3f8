/** What a plot can show of a run. */

import type { FigureColumn } from "#model/point-summary";

export interface Measure {
  readonly column: FigureColumn;
  /** Quantity and unit. */
  readonly title: string;
  /** Short enough to stand beside a low panel. */
  readonly axis: string;
  readonly unit: string;
  /** Where a logarithmic axis turns linear towards zero, in the unit. */
  readonly linearBelow: number;
}

export const DEVIATION: Measure = {
  column: "deviation_pct",
  title: "Deviation of execution time (%)",
  axis: "deviation (%)",
  unit: "%",
  linearBelow: 0.01,
};

/** Beside the deviation, since a stall in the middle of a main loop that catches up leaves the deviation near zero. */
export const REMOTE_LATENESS: Measure = {
  column: "lateness_remote_p99_ms",
  title: "Remote lateness, 99th percentile (ms)",
  axis: "lateness p99 (ms)",
  unit: "ms",
  linearBelow: 10,
};
