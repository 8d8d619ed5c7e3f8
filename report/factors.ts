/** What the factors of a point are called, and which of them a plot sets against which. */

import { compareFactors, FACTOR_COLUMNS, type FactorColumn } from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import { formatCount } from "#report/format";

interface FactorName {
  /** On an axis: `rate D (tuples per node per minute)`. */
  readonly axis: string;
  /** In front of a value: `D = 60 000`. */
  readonly symbol: string;
  /** Behind a value: `60 s`. */
  readonly unit?: string;
}

export const FACTOR_NAMES: Readonly<Record<FactorColumn, FactorName>> = {
  environment: { axis: "environment", symbol: "environment" },
  mode: { axis: "mode", symbol: "mode" },
  nodes: { axis: "nodes N", symbol: "N" },
  rate_per_min: { axis: "rate D (tuples per node per minute)", symbol: "D" },
  aggregation: { axis: "aggregation AG (tuples per remote statement)", symbol: "AG" },
  duration_s: { axis: "duration of the main loop (s)", symbol: "duration", unit: "s" },
  engine: { axis: "storage engine", symbol: "engine" },
  client: { axis: "client", symbol: "client" },
  release: { axis: "release of the barrier", symbol: "release" },
  resolve: { axis: "name resolution", symbol: "resolve" },
  phase: { axis: "phase of the nodes' schedules", symbol: "phase" },
  cpus: { axis: "CPUs per node", symbol: "CPUs" },
  memory_mib: { axis: "memory per node (MiB)", symbol: "memory", unit: "MiB" },
};

/** `60 000`, `60 s`, `replicated` */
export function formatFactor<C extends FactorColumn>(row: Pick<RunRow, C>, column: C): string {
  const value: string | number = row[column];
  const { unit } = FACTOR_NAMES[column];
  return `${typeof value === "number" ? formatCount(value) : value}${unit ? ` ${unit}` : ""}`;
}

/** `N = 15, D = 60 000` */
export const describeFactors = <C extends FactorColumn>(row: Pick<RunRow, C>, columns: readonly C[]): string =>
  columns.map((column) => `${FACTOR_NAMES[column].symbol} = ${formatFactor(row, column)}`).join(", ");

/** The values a factor takes, in order. */
export const valuesOf = (rows: readonly RunRow[], column: FactorColumn): (string | number)[] =>
  [...new Set(rows.map((row) => row[column]))].toSorted(compareFactors);

/** Factors with more than one value, environment included. */
export const varyingFactors = (rows: readonly RunRow[]): FactorColumn[] =>
  FACTOR_COLUMNS.filter((column) => valuesOf(rows, column).length > 1);

/** One plot: what runs along x, and what has a panel of its own for each value. */
export interface PlotLayout {
  readonly x: FactorColumn;
  readonly panels: readonly FactorColumn[];
}

/**
 * As in the paper, against D where the rate varies and against N where the nodes do (both: one plot each, with panels for
 * the other); else against whatever varies first; else the modes or the environments beside each other. A factor that only differs
 * from one environment to the next is a trait of the environment, and no axis.
 */
export function plotLayouts(rows: readonly RunRow[]): PlotLayout[] {
  const arms = Map.groupBy(rows, ({ environment }) => environment).values();
  const perArm = [...arms].map((arm) => new Set(varyingFactors(arm)));
  const axes = FACTOR_COLUMNS.filter(
    (column) =>
      perArm.some((varying) => varying.has(column)) || (column === "mode" && valuesOf(rows, column).length > 1),
  );
  const load = (["rate_per_min", "nodes"] as const).filter((column) => axes.includes(column));
  const other = axes.find((column) => column !== "mode") ?? axes[0] ?? "environment";
  const along = load.length > 0 ? load : [other];
  return along.map((x) => ({ x, panels: axes.filter((column) => column !== x) }));
}
