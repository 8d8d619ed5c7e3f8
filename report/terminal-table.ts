/** Tables for terminals. */

import { summarisePoints } from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import { summaryColumns } from "#report/point-columns";

export interface TextColumn<Line> {
  readonly title: string;
  readonly align: "left" | "right";
  readonly text: (line: Line) => string;
}

/** The table that commands print when a sweep has ended: a line per point, medians over VALID runs. */
export function formatSweepTable(rows: readonly RunRow[]): string {
  return rows.length === 0 ? "no runs yet" : alignText(summaryColumns(rows), summarisePoints(rows));
}

/** Aligned plain text: the titles, then a line each. */
export function alignText<Line>(columns: readonly TextColumn<Line>[], lines: readonly Line[]): string {
  const cells = [columns.map(({ title }) => title), ...lines.map((line) => columns.map(({ text }) => text(line)))];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, i) => (columns[i]?.align === "right" ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
