/** Rows in the Go benchmark format, for benchstat and the tools around it. */

import { FACTOR_COLUMNS, type FigureColumn } from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import { printable } from "#report/format";

/** Seconds are written as `sec`, which benchstat scales by itself. */
const UNITS = [
  ["deviation-pct", "deviation_pct", 1],
  ["elapsed-sec", "elapsed_s", 1],
  ["lateness-local-p99-sec", "lateness_local_p99_ms", 1e-3],
  ["lateness-remote-p99-sec", "lateness_remote_p99_ms", 1e-3],
  ["sync-sec", "sync_s", 1],
  ["provision-sec", "provision_s", 1],
] as const satisfies readonly (readonly [string, FigureColumn, number])[];

/**
 * A line per VALID run, the factors of its point in its name: `BenchmarkMesh/mode=replicated/…`. Runs with another status
 * are comments, since every benchmark line counts in the statistics.
 * @see https://go.googlesource.com/proposal/+/master/design/14313-benchmark-format.md
 */
export function formatBenchfmt(rows: readonly RunRow[]): string {
  const units = UNITS.map(([unit]) => `Unit ${unit} better=lower assume=nothing`);
  let configuration = "";
  const results = rows.flatMap((row) => {
    const line = row.status === "VALID" ? resultLine(row) : `# ${row.run_id} ${row.status} ${printable(row.reason)}`;
    const before = configuration;
    configuration = configurationLines(row);
    return configuration === before ? line : [configuration, line];
  });
  return [...units, ...results, ""].join("\n");
}

/** What is the same for the lines that follow. */
function configurationLines({ sweep_id, source_sha, host, fingerprint }: RunRow): string {
  const pairs = { sweep: sweep_id, "source-sha": source_sha, host, fingerprint: fingerprint ?? "" };
  return Object.entries(pairs)
    .map(([key, value]) => `${key}: ${printable(value)}`)
    .join("\n");
}

function resultLine(row: RunRow): string {
  const factors = FACTOR_COLUMNS.map(
    (column) => `${column}=${printable(String(row[column])).replaceAll(/[\s/]/g, "_")}`,
  );
  const figures = UNITS.flatMap(([unit, column, scale]) => {
    const value = row[column];
    return value === null ? [] : `${Number((value * scale).toPrecision(12))} ${unit}`;
  });
  // The last part would be read as GOMAXPROCS if it ended in a dash and digits, as an environment's name can.
  return [`BenchmarkMesh/${factors.join("/")}/repetitions`, 1, ...figures].join("\t");
}
