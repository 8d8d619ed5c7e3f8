/** Rows as a tidy CSV file: a run a line, RFC 4180. */

import { RUN_ROW_COLUMNS, type RunRow } from "#model/result-row";

/** A header and a line per run, in the published order of columns; an unknown value is an empty cell. */
export function formatCsv(rows: readonly RunRow[]): string {
  const lines = [RUN_ROW_COLUMNS, ...rows.map((row) => RUN_ROW_COLUMNS.map((column) => row[column]))];
  return lines.map((cells) => `${cells.map(formatCell).join(",")}\r\n`).join("");
}

function formatCell(value: string | number | boolean | null): string {
  if (value === null) return "";
  const text = typeof value === "string" ? withoutFormula(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * A spreadsheet would run text that starts like this as a formula; an apostrophe in front keeps it text. Numbers, negative
 * ones too, stay as they are.
 * @see https://owasp.org/www-community/attacks/CSV_Injection
 */
const withoutFormula = (text: string): string => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
