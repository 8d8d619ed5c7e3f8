/** From rows to the marks of a plot: where each run, median and interval stands, and what it says. */

import { hitDeadline, summariseColumn, type FactorColumn, type PointSummary } from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import type { Measure } from "#report/charts/measures";
import { describeFactors } from "#report/factors";
import { formatFigure, printable } from "#report/format";

/** What a mark stands for; the layers of the plot select by it. */
export type MarkKind = "summary" | "valid" | "suspect" | "invalid" | "deadline" | "beyond" | "no figure";

/** One mark. Values are on the axes' scales; panels and arms are told apart by their names. */
export interface Mark {
  readonly kind: MarkKind;
  readonly environment: string;
  readonly panelColumn: string;
  readonly panelRow: string;
  readonly x: number;
  readonly xFrom?: number;
  readonly xTo?: number;
  readonly y?: number;
  readonly lower?: number;
  readonly upper?: number;
  /** Shown while the pointer rests on the mark. */
  readonly label: string;
}

/** Where marks land in a plot. */
export interface Frame {
  readonly panelColumns: readonly FactorColumn[];
  readonly panelRows: readonly FactorColumn[];
  readonly armWidthPx: number;
  /** `px` to the right of the middle of the row's arm. */
  place(row: RunRow, px: number): number;
}

export const marksOf = (points: readonly PointSummary[], measure: Measure, frame: Frame): Mark[] =>
  points.flatMap((point) =>
    summaryMarks(point, measure, frame).concat(
      point.rows.map((row) => runMark(row, point, measure, frame)),
      beyondMarks(point, measure, frame),
    ),
  );

/** The interval as a band as wide as the arm, the median across it. */
function summaryMarks({ rows }: PointSummary, { column, unit }: Measure, frame: Frame): Mark[] {
  const summary = summariseColumn(rows, column);
  const [row] = rows;
  if (!summary || !row) return [];
  const half = frame.armWidthPx * 0.45;
  const interval = summary.interval && { lower: summary.interval.lower, upper: summary.interval.upper };
  return [
    {
      kind: "summary",
      ...panelOf(row, frame),
      x: frame.place(row, 0),
      xFrom: frame.place(row, -half),
      xTo: frame.place(row, half),
      y: summary.median,
      ...interval,
      label: printable(`${row.environment}: median ${formatFigure(summary.median)} ${unit} of ${summary.n} VALID runs`),
    },
  ];
}

/** Repetitions stand in their order from left to right, so that equal figures stay apart without chance. */
function runMark(row: RunRow, { rows }: PointSummary, { column, unit }: Measure, frame: Frame): Mark {
  const repetitions = Math.max(...rows.map(({ repetition }) => repetition));
  const fraction = (row.repetition - 0.5) / repetitions - 0.5;
  const y = row[column];
  const figure = y === null ? "no figure" : `${formatFigure(y)} ${unit}`;
  return {
    kind: kindOf(row, y),
    ...panelOf(row, frame),
    x: frame.place(row, fraction * frame.armWidthPx * 0.8),
    ...(y !== null && { y }),
    label: printable(`${row.run_id}: ${row.status}, ${figure}${row.reason && `; ${row.reason}`}`),
  };
}

/** One "≥" over the runs that hit their deadline. */
function beyondMarks({ rows }: PointSummary, { column }: Measure, frame: Frame): Mark[] {
  const figures = rows.filter(hitDeadline).flatMap((row) => row[column] ?? []);
  const [row] = rows;
  if (!row || figures.length === 0) return [];
  const label = printable(`${row.environment}: ${figures.length} hit the deadline; the least it would have been`);
  return [{ kind: "beyond", ...panelOf(row, frame), x: frame.place(row, 0), y: Math.max(...figures), label }];
}

function kindOf(row: RunRow, figure: number | null): MarkKind {
  if (figure === null) return "no figure";
  if (row.status === "VALID") return "valid";
  if (row.status === "SUSPECT") return "suspect";
  return hitDeadline(row) ? "deadline" : "invalid";
}

const panelOf = (row: RunRow, { panelColumns, panelRows }: Frame) => ({
  environment: row.environment,
  panelColumn: describeFactors(row, panelColumns),
  panelRow: describeFactors(row, panelRows),
});
