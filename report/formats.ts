/** What `meshbench export` can print. */

import type { RunRow } from "#model/result-row";
import { formatBenchfmt } from "#report/benchfmt";
import { formatCsv } from "#report/csv";
import { formatParquet } from "#report/parquet";

/** @returns Bytes for `parquet`, text for the others. */
export function formatRows(
  rows: readonly RunRow[],
  format: "csv" | "jsonl" | "parquet" | "benchfmt",
): string | Uint8Array {
  switch (format) {
    case "csv":
      return formatCsv(rows);
    case "jsonl":
      return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
    case "parquet":
      return formatParquet(rows);
    case "benchfmt":
      return formatBenchfmt(rows);
    default:
      return format satisfies never;
  }
}
