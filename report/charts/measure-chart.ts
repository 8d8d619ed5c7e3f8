/** The paper's figures: a measure of every run against D or N, an arm per environment, every repetition visible. */

import type { TopLevelSpec } from "vega-lite";
import { summarisePoints } from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import { factorAxis, measureAxis, shortCount, type Axis } from "#report/charts/axis";
import { marksOf, type Frame, type Mark, type MarkKind } from "#report/charts/marks";
import type { Measure } from "#report/charts/measures";
import { armScales, CHART_CONFIG, INK } from "#report/charts/palette";
import { describeFactors, FACTOR_NAMES, valuesOf, type PlotLayout } from "#report/factors";
import { printable } from "#report/format";
import { isolationRemarks } from "#report/isolation";
import { statusText } from "#report/status-text";

const PANELS_ABREAST = 2;
const NO_FIGURE_LANE_PX = 18;
const ARM_WIDTH_PX = { least: 4, most: 22 };
const LABEL_WIDTH_PX = 34;
const AXIS_WIDTH_PX = 80;
/** Between the parts of a subtitle. */
const DOT = "  ·  ";

type FactorValues = readonly (string | number)[];

/** @param rows - At least one; the runs of one sweep, replaced attempts included. */
export function measureChart(rows: readonly RunRow[], layout: PlotLayout, measure: Measure): TopLevelSpec {
  const size = panelSize(rows, layout);
  const values = valuesOf(rows, layout.x);
  const environments = valuesOf(rows, "environment").map(String);
  const { xAxis, frame } = arrange(layout, values, environments, size.width);
  const marks = marksOf(summarisePoints(rows), measure, frame);
  const hasLane = marks.some(({ kind }) => kind === "no figure");
  const drawn = marks.flatMap(({ y, lower, upper }) => [y, lower, upper].filter((value) => value !== undefined));
  const yAxis = measureAxis(drawn, measure.linearBelow, size.height, hasLane ? NO_FIGURE_LANE_PX : 0);
  const plot = {
    ...size,
    encoding: {
      color: { field: "environment", type: "nominal", scale: armScales(environments).color },
      x: xEncoding(xAxis, layout, values),
    },
    layer: layersOf(environments, yEncoding(yAxis, measure), size.height, isNumeric(values)),
  };
  return {
    config: CHART_CONFIG,
    title: {
      text: `${measure.title} ${isNumeric(values) ? "against" : "by"} ${FACTOR_NAMES[layout.x].axis.replace(/ \(.*/, "")}`,
      subtitle: [subtitleOf(rows, layout), legendOfMarks(marks), isolationRemarks(rows).map(printable).join(DOT)]
        .filter(Boolean)
        .flatMap((text) => wrap(text, layout, size)),
    },
    data: { values: marks },
    ...inPanels(marks, frame, plot),
  } as TopLevelSpec;
}

function panelSize(rows: readonly RunRow[], { panels }: PlotLayout): { width: number; height: number } {
  const below = panels.filter((column) => column !== "mode");
  const isStacked = new Set(rows.map((row) => describeFactors(row, below))).size > 1;
  return { width: panels.length > 0 ? 380 : 640, height: isStacked ? 180 : 300 };
}

/** Arms stand side by side around the value they were measured at. */
function arrange({ x, panels }: PlotLayout, values: FactorValues, environments: readonly string[], widthPx: number) {
  const arms = x === "environment" ? 1 : environments.length;
  const positions = values.map((value) => positionOf(value, values));
  const endPx = isNumeric(values) ? (arms * ARM_WIDTH_PX.most) / 2 + 8 : widthPx / (2 * values.length);
  const xAxis = factorAxis(positions, widthPx, endPx);
  const room = (Math.min(widthPx, nearestPx(xAxis)) * 0.85) / arms;
  const armWidthPx = Math.min(ARM_WIDTH_PX.most, Math.max(ARM_WIDTH_PX.least, room));
  const frame: Frame = {
    panelColumns: panels.filter((column) => column === "mode"),
    panelRows: panels.filter((column) => column !== "mode"),
    armWidthPx,
    place(row, px) {
      const arm = x === "environment" ? 0 : environments.indexOf(row.environment) - (arms - 1) / 2;
      return xAxis.shift(positionOf(row[x], values), arm * armWidthPx + px);
    },
  };
  return { xAxis, frame };
}

/** Modes side by side, all else one below the other; in the order of the points: N = 16 comes after N = 2. */
function inPanels(marks: readonly Mark[], { panelColumns, panelRows }: Frame, spec: object) {
  if (panelColumns.length + panelRows.length === 0) return spec;
  const rowOrder = [...new Set(marks.map(({ panelRow }) => panelRow))];
  const row = { field: "panelRow", type: "nominal", sort: rowOrder };
  const column = { field: "panelColumn", type: "nominal" };
  const spacing = { row: 14, column: 22 };
  if (panelColumns.length === 0) return { facet: row, columns: PANELS_ABREAST, spacing, spec };
  if (panelRows.length === 0) return { facet: { column }, spacing, spec };
  const header = { labelAngle: 0, labelAlign: "left", labelOrient: "top", labelAnchor: "start" };
  return { facet: { column, row: { ...row, header } }, spacing, spec };
}

function xEncoding(axis: Axis, { x }: PlotLayout, values: FactorValues) {
  const isCrowded = isNumeric(values) && nearestPx(axis) < LABEL_WIDTH_PX;
  const labels = values.map((value) => (typeof value === "number" ? shortCount(value) : printable(value)));
  return {
    field: "x",
    type: "quantitative",
    scale: { ...axis.scale, domain: axis.domain, nice: false, ...(axis.scale.type !== "log" && { zero: false }) },
    axis: {
      title: FACTOR_NAMES[x].axis,
      values: axis.ticks,
      grid: false,
      labelOverlap: false,
      ...(isCrowded && { labelAngle: -45, labelAlign: "right", labelBaseline: "top" }),
      ...labelled(axis.ticks, labels),
    },
  };
}

function yEncoding(axis: Axis, { axis: title, linearBelow }: Measure) {
  return {
    field: "y",
    type: "quantitative",
    scale: { ...axis.scale, domain: axis.domain, nice: false, zero: false },
    axis: {
      title: axis.scale.type === "symlog" ? [title, `log above ${linearBelow}`] : title,
      values: axis.ticks,
      gridColor: { condition: { test: "datum.value === 0", value: INK.zero }, value: INK.grid },
      ...labelled(axis.ticks, axis.ticks.map(shortCount)),
    },
  };
}

/** Own words for ticks: Vega looks them up by the tick's value. */
const labelled = (ticks: readonly number[], labels: readonly string[]) => ({
  labelExpr: `${JSON.stringify(labels)}[indexof(${JSON.stringify(ticks)}, datum.value)]`,
});

/** From the back to the front. */
function layersOf(environments: readonly string[], y: object, heightPx: number, isConnected: boolean) {
  const shape = { field: "environment", type: "nominal", scale: armScales(environments).shape };
  const description = { field: "label" };
  const span = { x: { field: "xFrom", type: "quantitative" }, x2: { field: "xTo" } };
  const lane = { value: heightPx - NO_FIGURE_LANE_PX / 2 };
  const band = {
    transform: [{ filter: "isValid(datum.lower)" }],
    mark: { type: "rect", opacity: 0.22, aria: false },
    encoding: { ...span, y: { ...y, field: "lower" }, y2: { field: "upper" } },
  };
  const line = layer("summary", { type: "line", strokeWidth: 1.25, opacity: 0.8, aria: false }, { y });
  return [
    band,
    ...(isConnected ? [line] : []),
    layer("valid", { type: "point", filled: true, size: 26, opacity: 0.75 }, { y, shape, description }),
    layer(
      "suspect",
      { type: "point", filled: false, size: 40, strokeWidth: 1.5, fill: INK.paper },
      { y, shape, description },
    ),
    layer("invalid", sign("×", 0), { y, description }),
    layer("deadline", { type: "point", filled: false, size: 26, strokeWidth: 1.25 }, { y, shape, description }),
    layer("beyond", sign("≥", -11), { y, description }),
    layer("summary", { type: "rule", strokeWidth: 2.5, strokeCap: "butt" }, { ...span, y, description }),
    layer("no figure", sign("×", 0), { y: lane, description }),
  ];
}

const layer = (kind: MarkKind, mark: object, encoding: object) => ({
  transform: [{ filter: { field: "kind", equal: kind } }],
  mark,
  encoding,
});

const sign = (text: string, dy: number) => ({
  type: "text",
  text,
  fontSize: 15,
  fontWeight: "bold",
  baseline: "middle",
  dy,
});

/** What is the same in the whole plot, and how its runs ended. */
function subtitleOf(rows: readonly RunRow[], { x, panels }: PlotLayout): string {
  const fixed = (["mode", "nodes", "rate_per_min", "duration_s"] as const).filter(
    (column) => column !== x && !panels.includes(column) && valuesOf(rows, column).length === 1,
  );
  const [row] = rows;
  return [row && describeFactors(row, fixed), statusText(rows)].filter(Boolean).join(DOT);
}

const MARK_MEANINGS: Readonly<Partial<Record<MarkKind, string>>> = {
  valid: "points: VALID runs",
  summary: "bar: median",
  suspect: "○ SUSPECT",
  invalid: "× INVALID",
  beyond: "≥ hit the deadline: a lower bound",
  "no figure": "× at the foot: no figure",
};

/** Of the marks that are there. */
function legendOfMarks(marks: readonly Mark[]): string {
  const kinds = new Set<string>(marks.map(({ kind }) => kind));
  const meanings = Object.entries(MARK_MEANINGS).flatMap(([kind, meaning]) => (kinds.has(kind) ? [meaning] : []));
  const hasBands = marks.some(({ lower }) => lower !== undefined);
  return meanings.join(DOT).replace("bar: median", hasBands ? `bar: median${DOT}band: 95 % interval` : "bar: median");
}

/** Lines no wider than the plot, by Vega's own guess of a character's width where there is no canvas: 0.8 em. */
function wrap(text: string, { panels }: PlotLayout, { width }: { width: number }): string[] {
  const widthPx = width * (panels.length > 0 ? PANELS_ABREAST : 1) + AXIS_WIDTH_PX;
  const limit = widthPx / (0.8 * CHART_CONFIG.title.subtitleFontSize);
  const lines: string[] = [];
  for (const part of text.split(DOT)) {
    const longer = [...lines.slice(-1), part].join(DOT);
    if (lines.length === 0 || longer.length > limit) lines.push(part);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

/** Words stand at 1, 2, 3, …; numbers where they are. */
const positionOf = (value: string | number, values: FactorValues): number =>
  typeof value === "number" ? value : values.indexOf(value) + 1;

const isNumeric = (values: FactorValues): boolean => values.every((value) => typeof value === "number");

/** Pixels between the two nearest ticks. */
const nearestPx = ({ ticks, distance }: Axis): number =>
  Math.min(...ticks.slice(1).map((tick, i) => distance(ticks[i] ?? tick, tick)));
