/** A plot that GitHub draws from text: medians of the deviation, a pair of bars a point. */

import type { ComparisonReport } from "#report/comparison";
import { varyingFactors } from "#report/factors";

/** More bars than this are no picture any more. */
const POINTS_MOST = 12;

/** @returns Nothing where one point, or too many, would make no picture. */
export function comparisonChart({ a, b, comparison }: ComparisonReport): string[] {
  const pairs = comparison.points.flatMap((point) => {
    const deviation = point.differences.find(({ column }) => column === "deviation_pct");
    return deviation === undefined ? [] : [{ factors: point.a.factors, deviation }];
  });
  if (pairs.length < 2 || pairs.length > POINTS_MOST) return [];
  const varying = varyingFactors([...a.rows, ...b.rows]).filter((column) => column !== "environment");
  const label = (factors: (typeof pairs)[number]["factors"]) => varying.map((column) => factors[column]).join(" ");
  const figures = (side: "a" | "b") => pairs.map(({ deviation }) => deviation[side].median.toFixed(3)).join(", ");
  return [
    [
      "```mermaid",
      "xychart-beta",
      `  title "median deviation in percent: bars a, line b"`,
      `  x-axis [${pairs.map(({ factors }) => `"${label(factors)}"`).join(", ")}]`,
      `  y-axis "deviation %"`,
      `  bar [${figures("a")}]`,
      `  line [${figures("b")}]`,
      "```",
    ].join("\n"),
  ];
}
