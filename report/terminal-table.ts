/** The table that commands print when a sweep has ended. */

import { summarisePoints } from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import { summaryColumns } from "#report/point-columns";

/** Aligned plain text, a line per point; medians over VALID runs. */
export function formatSweepTable(rows: readonly RunRow[]): string {
  if (rows.length === 0) return "no runs yet";
  const columns = summaryColumns(rows);
  const lines = [
    columns.map(({ title }) => title),
    ...summarisePoints(rows).map((point) => columns.map((column) => column.text(point))),
  ];
  const widths = columns.map((_, i) => Math.max(...lines.map((cells) => cells[i]?.length ?? 0)));
  return lines
    .map((cells) =>
      cells
        .map((cell, i) => (columns[i]?.align === "right" ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
