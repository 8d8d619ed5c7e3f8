/** A plot that GitHub draws from text: of several points the median deviations, of a single one those of its runs. */

import { figuresOf, type PointComparison } from "#model/comparison";
import { quantile } from "#model/statistics";
import type { ComparisonReport } from "#report/comparison";
import { varyingFactors } from "#report/factors";

/** More points, or runs of a side, are no picture any more. */
const BARS_MOST = 12;
const QUARTILES = [0, 0.25, 0.5, 0.75, 1];

/** @returns Nothing where no point, or too many, would make no picture. */
export function comparisonChart(report: ComparisonReport): string[] {
  const [point, ...others] = report.comparison.points;
  if (point === undefined) return [];
  return others.length === 0 ? runsChart(point) : mediansChart(report);
}

function runsChart({ a, b }: PointComparison): string[] {
  const [valuesA, valuesB] = [a, b].map((side) => spread(figuresOf(side, "deviation_pct"))) as [number[], number[]];
  if (valuesA.length === 0 || valuesB.length === 0) return [];
  const labels = [...valuesA.map((_, i) => `a ${i + 1}`), ...valuesB.map((_, i) => `b ${i + 1}`)];
  const title = "deviation in percent, from the least to the greatest run of a, then of b";
  return chart(title, labels, [["bar", [...valuesA, ...valuesB]]]);
}

/** Ascending; of many runs five stand for all. */
const spread = (values: readonly number[]): number[] =>
  values.length > BARS_MOST ? QUARTILES.map((p) => quantile(values, p)) : values.toSorted((x, y) => x - y);

function mediansChart({ a, comparison }: ComparisonReport): string[] {
  const pairs = comparison.points.flatMap((point) => {
    const deviation = point.differences.find(({ column }) => column === "deviation_pct");
    return deviation === undefined ? [] : [{ factors: point.a.factors, deviation }];
  });
  if (pairs.length === 0 || pairs.length > BARS_MOST) return [];
  // Points differ by factors that vary within a side; two bars of one name would be drawn over each other.
  const varying = varyingFactors(a.rows);
  const labels = pairs.map(({ factors }) => varying.map((column) => factors[column]).join(" "));
  const medians = (side: "a" | "b") => pairs.map(({ deviation }) => deviation[side].median);
  return chart("median deviation in percent: bars a, line b", labels, [
    ["bar", medians("a")],
    ["line", medians("b")],
  ]);
}

type Series = readonly [kind: "bar" | "line", values: readonly number[]];

/** From 0 on: Mermaid's own axis begins at the least value, whose bar would have no height. */
function chart(title: string, labels: readonly string[], series: readonly Series[]): string[] {
  const all = series.flatMap(([, values]) => values);
  const [least, most] = [Math.min(0, ...all), Math.max(0.001, ...all)];
  return [
    [
      "```mermaid",
      "xychart-beta",
      `  title "${title}"`,
      `  x-axis [${labels.map((label) => `"${label}"`).join(", ")}]`,
      `  y-axis "deviation %" ${least.toFixed(3)} --> ${most.toFixed(3)}`,
      ...series.map(([kind, values]) => `  ${kind} [${values.map((value) => value.toFixed(3)).join(", ")}]`),
      "```",
    ].join("\n"),
  ];
}
