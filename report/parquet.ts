/** Rows as a Parquet file, for DuckDB, pandas and R. */

import { parquetWriteBuffer } from "hyparquet-writer";
import { RUN_ROW_COLUMNS, type RunRow } from "#model/result-row";

type Column = (typeof RUN_ROW_COLUMNS)[number];
type ParquetType = "STRING" | "BOOLEAN" | "INT32" | "INT64" | "DOUBLE";

const TRUTHS: ReadonlySet<Column> = new Set(["quotable", "consistent"]);
const COUNTS: ReadonlySet<Column> = new Set(["repetition", "attempt", "nodes", "rate_per_min", "aggregation"]);
const LARGE_COUNTS: ReadonlySet<Column> = new Set(["seed", "tuples_per_db_expected", "tuples_per_db"]);
const FIGURES = /_(?:s|ms|pct|pct_median|pct_min|mib)$|^cpus$/;

/** One row a run; a column's type is the same in every file, also where all its values are null. */
export function formatParquet(rows: readonly RunRow[]): Uint8Array {
  const columnData = RUN_ROW_COLUMNS.map((name) => {
    const type = typeOf(name);
    return { name, type, nullable: true, data: rows.map((row) => parquetValue(row[name], type)) };
  });
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}

function typeOf(column: Column): ParquetType {
  if (TRUTHS.has(column)) return "BOOLEAN";
  if (COUNTS.has(column)) return "INT32";
  if (LARGE_COUNTS.has(column)) return "INT64";
  return FIGURES.test(column) ? "DOUBLE" : "STRING";
}

const parquetValue = (value: RunRow[Column], type: ParquetType) =>
  type === "INT64" && typeof value === "number" ? BigInt(value) : value;
