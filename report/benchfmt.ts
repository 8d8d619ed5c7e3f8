/** Rows in the Go benchmark format, for benchstat and the tools around it. */

import { countedRuns, FACTOR_COLUMNS, type FigureColumn } from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import { printable } from "#report/format";
import { isolationRemarks } from "#report/isolation";

/** Seconds are written as `sec`, which benchstat scales by itself. */
const UNITS = [
  ["deviation-pct", "deviation_pct", 1],
  ["elapsed-sec", "elapsed_s", 1],
  ["lateness-local-p99-sec", "lateness_local_p99_ms", 1e-3],
  ["lateness-remote-p99-sec", "lateness_remote_p99_ms", 1e-3],
  ["sync-sec", "sync_s", 1],
  ["provision-sec", "provision_s", 1],
] as const satisfies readonly (readonly [string, FigureColumn, number])[];

/** The environment stands first: a name that ends in a dash and digits would be read as GOMAXPROCS at the end. */
const NAME_COLUMNS = ["environment", ...FACTOR_COLUMNS.filter((column) => column !== "environment")] as const;

/**
 * A line per VALID repetition, the factors of its point in its name: `BenchmarkMesh/environment=…`. All else is in comments: runs
 * with another status, since every benchmark line counts in the statistics; sweep and source, since benchstat compares
 * nothing across different configuration lines.
 * @see https://go.googlesource.com/proposal/+/master/design/14313-benchmark-format.md
 */
export function formatBenchfmt(rows: readonly RunRow[]): string {
  const units = UNITS.map(([unit]) => `Unit ${unit} better=lower assume=nothing`);
  const origins = new Set(
    rows.map(({ sweep_id, source_sha }) => `# sweep ${sweep_id} source ${source_sha || "unknown"}`),
  );
  const counted = new Set(countedRuns(rows));
  const results = rows.map((row) =>
    counted.has(row) ? resultLine(row) : printable(`# ${row.run_id} ${row.status} ${row.reason}`),
  );
  const remarks = isolationRemarks(rows).map((remark) => `# ${remark}`);
  return [...[...origins, ...remarks].map(printable), ...units, ...results, ""].join("\n");
}

function resultLine(row: RunRow): string {
  const factors = NAME_COLUMNS.map((column) => `${column}=${printable(String(row[column])).replaceAll(/[\s/]/g, "_")}`);
  const figures = UNITS.flatMap(([unit, column, scale]) => {
    const value = row[column];
    return value === null ? [] : `${Number((value * scale).toPrecision(12))} ${unit}`;
  });
  return [`BenchmarkMesh/${factors.join("/")}`, 1, ...figures].join("\t");
}
