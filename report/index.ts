/** A sweep's results as the files of its report. Pure: the caller writes them where it wants. */

import type { TopLevelSpec } from "vega-lite";
import type { RunRow } from "#model/result-row";
import { measureChart } from "#report/charts/measure-chart";
import { DEVIATION, REMOTE_LATENESS } from "#report/charts/measures";
import { phasesChart } from "#report/charts/phases-chart";
import { renderPng, renderSvg } from "#report/charts/render";
import { formatCsv } from "#report/csv";
import { plotLayouts } from "#report/factors";
import { formatHtml } from "#report/html";
import { formatMarkdown } from "#report/markdown";
import { prepareReport, type ReportInput } from "#report/report-data";
import { specFile } from "#report/spec-file";

/**
 * @returns By path relative to the report's folder: `report.html` (stands alone), `report.md` (shows `plots/`),
 *   `runs.csv`, `spec.yaml`, and each plot as SVG and PNG.
 */
export async function buildReport(input: ReportInput): Promise<Map<string, string | Uint8Array>> {
  const data = prepareReport(input);
  const plots = await Promise.all(
    chartsOf(input.rows).map(async ({ name, title, chart }) => ({ name, title, svg: await renderSvg(chart) })),
  );
  const images = plots.map(({ name, title }) => ({ path: `plots/${name}.png`, title }));
  return new Map<string, string | Uint8Array>([
    ["report.html", formatHtml(data, plots)],
    ["report.md", formatMarkdown(data, images)],
    ["runs.csv", formatCsv(input.rows)],
    ["spec.yaml", specFile(data.spec)],
    ...plots.map(({ name, svg }) => [`plots/${name}.svg`, svg] as const),
    ...plots.map(({ name, svg }) => [`plots/${name}.png`, renderPng(svg)] as const),
  ]);
}

interface NamedChart {
  readonly name: string;
  readonly title: string;
  readonly chart: TopLevelSpec;
}

/** None where nothing was measured. */
function chartsOf(rows: readonly RunRow[]): NamedChart[] {
  if (rows.length === 0) return [];
  const measures = plotLayouts(rows).flatMap((layout) =>
    [DEVIATION, REMOTE_LATENESS].map((measure) => ({
      name: `${measure === DEVIATION ? "deviation" : "lateness"}-by-${layout.x.replace(/_.*/, "")}`,
      title: measure.title,
      chart: measureChart(rows, layout, measure),
    })),
  );
  return [...measures, { name: "phases", title: "Time of each phase (s)", chart: phasesChart(rows) }];
}
