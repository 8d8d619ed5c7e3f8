/** Figures of arms on the same points, side by side. */

import type { Table } from "#bench/support/report";
import type { RunRow } from "#model/result-row";
import { median } from "#model/statistics";

/** What is shown of a run, by its name with its unit. */
export type Figures = Readonly<Record<string, (row: RunRow) => number | null>>;

export interface ArmColumn {
  readonly environment: string;
  readonly title: string;
}

/** @returns `undefined` where no VALID run of the point has the figure. */
export function medianOf(
  rows: readonly RunRow[],
  point: Pick<RunRow, "environment" | "nodes">,
  read: Figures[string],
): number | undefined {
  const values = rows
    .filter(({ status, environment, nodes }) => {
      return status === "VALID" && environment === point.environment && nodes === point.nodes;
    })
    .map(read)
    .filter((value) => value !== null);
  return values.length === 0 ? undefined : median(values);
}

/** One table for each N: figures in rows, arms in columns. */
export function tablesOfArms(
  rows: readonly RunRow[],
  { nodes, arms, figures, of }: { nodes: readonly number[]; arms: readonly ArmColumn[]; figures: Figures; of: string },
): Table[] {
  return nodes.map((count) => ({
    title: `N = ${count}, ${of}`,
    columns: ["", ...arms.map(({ title }) => title)],
    rows: Object.entries(figures).map(([name, read]) => {
      const cells = arms.map(({ environment }) => medianOf(rows, { environment, nodes: count }, read) ?? "none");
      return ([name] as (string | number)[]).concat(cells);
    }),
  }));
}
