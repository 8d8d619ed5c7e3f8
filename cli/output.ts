/** Where output goes: data on stdout, progress and notes on stderr. */

/** Data a user asked for, as JSON with `--json`, else as text. */
export function printData(asJson: boolean, data: unknown, text: string): void {
  process.stdout.write(asJson ? `${JSON.stringify(data, null, 2)}\n` : text === "" ? "" : `${text.trimEnd()}\n`);
}

/** A note beside the data. */
export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Columns as wide as their widest cell, two spaces apart; numbers stay as they are given. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
