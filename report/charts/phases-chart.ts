/** What each phase of a run takes, an arm per environment: where an environment is slow apart from the main loop. */

import type { TopLevelSpec } from "vega-lite";
import { summariseColumn, summarisePoints, type FactorColumn } from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import { STEPS, type Step } from "#model/run";
import { STEP_COLUMNS } from "#model/run-row";
import { measureAxis } from "#report/charts/axis";
import { armScales, CHART_CONFIG } from "#report/charts/palette";
import { describeFactors, valuesOf } from "#report/factors";
import { formatFigure, printable } from "#report/format";
import { isolationRemarks } from "#report/isolation";
import { statusText } from "#report/status-text";

const PANELS_ABREAST = 3;
/** Below this the axis is linear towards zero. */
const LINEAR_BELOW_SEC = 0.1;

/** What phases beside the main loop depend on most. */
const PANEL_FACTORS = ["nodes", "cpus", "memory_mib", "resolve"] as const satisfies FactorColumn[];

/** @param rows - The runs of one sweep; a panel for each number of nodes, and for what else of `PANEL_FACTORS` varies. */
export function phasesChart(rows: readonly RunRow[]): TopLevelSpec {
  const environments = valuesOf(rows, "environment").map(String);
  const factors = PANEL_FACTORS.filter((column) => column === "nodes" || valuesOf(rows, column).length > 1);
  const panelOf = (row: Pick<RunRow, FactorColumn>) => describeFactors(row, factors);
  const panels = [...new Set(summarisePoints(rows).map((point) => panelOf(point.factors)))];
  const marks = [...Map.groupBy(rows, panelOf)].flatMap(([panel, its]) =>
    [...runMarks(its), ...medianMarks(its)].map((mark) => Object.assign(mark, { panel })),
  );
  const widthPx = panels.length === 1 ? 640 : 280;
  const axis = measureAxis(
    marks.map(({ seconds }) => seconds),
    LINEAR_BELOW_SEC,
    widthPx,
    0,
  );
  const arm = { field: "environment", type: "nominal" };
  const { color, shape } = armScales(environments);
  return {
    config: CHART_CONFIG,
    title: {
      text: "Time of each phase (s)",
      subtitle: [
        statusText(rows),
        "points: runs  ·  bar: median of the VALID ones",
        ...isolationRemarks(rows).map(printable),
      ],
    },
    data: { values: marks },
    facet: { field: "panel", type: "nominal", sort: panels },
    columns: PANELS_ABREAST,
    spec: {
      width: widthPx,
      height: STEPS.length * Math.max(26, environments.length * 14),
      encoding: {
        x: {
          field: "seconds",
          type: "quantitative",
          scale: { ...axis.scale, domain: axis.domain, nice: false, zero: false },
          axis: { title: "time (s)", values: axis.ticks, labelBound: true, format: "~r" },
        },
        y: { field: "phase", type: "nominal", sort: [...STEPS], axis: { title: null, grid: false, ticks: false } },
        yOffset: { field: "environment", type: "nominal", scale: { domain: environments } },
        color: { ...arm, scale: color },
        description: { field: "label" },
      },
      layer: [
        {
          transform: [{ filter: "datum.kind === 'run'" }],
          mark: { type: "point", filled: true, size: 22, opacity: 0.6 },
          encoding: { shape: { ...arm, scale: shape } },
        },
        {
          transform: [{ filter: "datum.kind === 'median'" }],
          mark: { type: "tick", orient: "vertical", size: 13, thickness: 2.5 },
        },
      ],
    },
  } as TopLevelSpec;
}

function runMarks(rows: readonly RunRow[]) {
  return rows.flatMap((row) =>
    STEPS.flatMap((phase) => {
      const seconds = row[STEP_COLUMNS[phase]];
      return seconds === null ? [] : markOf("run", row, phase, seconds, `${row.run_id} (${row.status})`);
    }),
  );
}

function medianMarks(rows: readonly RunRow[]) {
  const groups = Map.groupBy(rows, ({ environment }) => environment);
  return [...groups.values()].flatMap((group) =>
    STEPS.flatMap((phase) => {
      const seconds = summariseColumn(group, STEP_COLUMNS[phase])?.median;
      const [row] = group;
      return seconds === undefined || !row ? [] : markOf("median", row, phase, seconds, `${row.environment}: median`);
    }),
  );
}

const markOf = (kind: "run" | "median", row: RunRow, phase: Step, seconds: number, what: string) => ({
  kind,
  environment: row.environment,
  phase,
  seconds,
  label: printable(`${what}: ${phase} ${formatFigure(seconds)} s`),
});
