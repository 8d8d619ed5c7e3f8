/** What a bench program prints: a table of what it saw, and its goals, each met or missed. */

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** A value with its limit; `undefined` where it could not be measured, which misses the goal. */
export interface Goal {
  readonly what: string;
  readonly value: number | undefined;
  readonly bound: "at most" | "at least";
  readonly limit: number;
  readonly unit: string;
}

export interface Findings {
  readonly tables: readonly Table[];
  readonly goals: readonly Goal[];
}

export function isMet({ value, bound, limit }: Goal): boolean {
  if (value === undefined) return false;
  return bound === "at most" ? value <= limit : value >= limit;
}

export function formatFindings({ tables, goals }: Findings): string {
  return [...tables.map(formatTable), goals.map(formatGoal).join("\n")].join("\n\n");
}

function formatGoal(goal: Goal): string {
  const { what, value, bound, limit, unit } = goal;
  const seen = value === undefined ? "not measured" : `${formatCell(value)}${unit}`;
  return `${isMet(goal) ? "met   " : "MISSED"}  ${what}: ${seen}, goal ${bound} ${formatCell(limit)}${unit}`;
}

function formatTable({ title, columns, rows }: Table): string {
  const lines = [columns, ...rows.map((row) => row.map(formatCell))];
  const widths = columns.map((_, column) => Math.max(...lines.map((line) => (line[column] as string).length)));
  const formatLine = (line: readonly string[]) =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] as number) : cell.padStart(widths[column] as number),
      )
      .join("  ");
  return [title, ...lines.map(formatLine)].join("\n");
}

/** Three significant digits, without an exponent. */
function formatCell(cell: string | number): string {
  if (typeof cell === "string") return cell;
  if (Math.abs(cell) >= 100) return String(Math.round(cell));
  return String(Number(cell.toPrecision(3)));
}
