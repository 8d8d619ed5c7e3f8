/** The columns of every table with a line per point. */

import {
  hitDeadline,
  summariseColumn,
  type FactorColumn,
  type FigureColumn,
  type PointSummary,
} from "#model/point-summary";
import { insertsPerMinOf } from "#model/plan";
import type { RunRow } from "#model/result-row";
import type { ThresholdMiss } from "#model/thresholds";
import { FACTOR_NAMES, formatFactor, varyingFactors } from "#report/factors";
import { formatCount, formatFigure, printable } from "#report/format";
import { saysNothingAboutVms } from "#report/isolation";
import { statusText } from "#report/status-text";

export interface PointColumn {
  readonly title: string;
  readonly align: "left" | "right";
  readonly text: (point: PointSummary) => string;
}

/** Environment, mode, N and D always; other factors where they vary. */
export function factorColumns(rows: readonly RunRow[]): PointColumn[] {
  const always: readonly FactorColumn[] = ["environment", "mode", "nodes", "rate_per_min"];
  const others = varyingFactors(rows).filter((column) => !always.includes(column));
  return [...always, ...others].map((column) => ({
    title: FACTOR_NAMES[column].symbol,
    align: rows.every((row) => typeof row[column] === "number") ? "right" : "left",
    text: ({ factors }) => printable(formatFactor(factors, column)),
  }));
}

/** I = N²·D, in all databases: what an environment has to carry. */
export const INSERTS: PointColumn = {
  title: "inserts/min",
  align: "right",
  text: ({ factors: { nodes, rate_per_min: ratePerMin } }) => formatCount(insertsPerMinOf({ nodes, ratePerMin })),
};

export const VALID_COUNT: PointColumn = {
  title: "n",
  align: "right",
  text: ({ valid }) => String(valid.length),
};

export const DEVIATION_MEDIAN = medianColumn("deviation %", "deviation_pct");
export const LATENESS_REMOTE_P99 = medianColumn("lateness remote p99 ms", "lateness_remote_p99_ms");
export const LATENESS_REMOTE_P50 = medianColumn("lateness remote p50 ms", "lateness_remote_p50_ms");
export const LATENESS_LOCAL_P99 = medianColumn("lateness local p99 ms", "lateness_local_p99_ms");
export const LATENESS_LOCAL_P50 = medianColumn("lateness local p50 ms", "lateness_local_p50_ms");

export const DEVIATION_INTERVAL: PointColumn = {
  title: "95 % interval",
  align: "right",
  text({ rows }) {
    const interval = summariseColumn(rows, "deviation_pct")?.interval;
    return interval ? `${formatFigure(interval.lower)} to ${formatFigure(interval.upper)}` : "–";
  },
};

export const STATUSES: PointColumn = { title: "runs", align: "left", text: ({ rows }) => statusText(rows) };

export const notesColumn = (misses: readonly ThresholdMiss[]): PointColumn => ({
  title: "notes",
  align: "left",
  text: (point) => pointNotes(point, misses).join("; "),
});

/** What a reader has to know before quoting the line. */
function pointNotes(point: PointSummary, misses: readonly ThresholdMiss[]): string[] {
  const { rows, valid, quotable, deadlineCount } = point;
  const isolation = rows[0]?.isolation;
  return [
    misses.some((miss) => miss.point === point) && "threshold missed",
    valid.length === 0 && "no VALID run",
    valid.length > 0 && !quotable && "not quotable: under 30 s",
    valid.length > 0 && valid.length < 6 && "no interval below 6",
    deadlineCount > 0 && `≥: ${deadlineCount} hit the deadline`,
    isolation !== undefined && saysNothingAboutVms(isolation) && `${isolation}: no conclusion about VMs`,
  ].filter((note) => note !== false);
}

/** The table of a point each for pull requests and terminals, which are narrow. */
export const summaryColumns = (rows: readonly RunRow[], misses: readonly ThresholdMiss[] = []): PointColumn[] => [
  ...factorColumns(rows),
  INSERTS,
  VALID_COUNT,
  DEVIATION_MEDIAN,
  DEVIATION_INTERVAL,
  LATENESS_REMOTE_P99,
  STATUSES,
  notesColumn(misses),
];

/** The median of a point, `≥` before it where runs at their deadline are missing from it, `–` where there is none. */
export function medianText(point: PointSummary, column: FigureColumn): string {
  const figure = medianOf(point, column);
  return figure ? `${figure.isLowerBound ? "≥ " : ""}${formatFigure(figure.median)}` : "–";
}

/** Where all runs ended at their deadline, the least of them would have been. */
export function medianOf(
  { rows }: PointSummary,
  column: FigureColumn,
): { readonly median: number; readonly isLowerBound: boolean } | undefined {
  const bounds = rows.filter(hitDeadline).flatMap((row) => row[column] ?? []);
  const leastBound = bounds.length > 0 ? { median: Math.min(...bounds), isLowerBound: true } : undefined;
  return summariseColumn(rows, column) ?? leastBound;
}

function medianColumn(title: string, column: FigureColumn): PointColumn {
  return { title, align: "right", text: (point) => medianText(point, column) };
}
