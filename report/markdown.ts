/** A report as Markdown, for pull requests and terminals: verdict first. */

import type { PointSummary } from "#model/point-summary";
import { code, inline, list, section, table } from "#report/markdown-text";
import { summaryColumns } from "#report/point-columns";
import type { ReportData } from "#report/report-data";
import { statusText } from "#report/status-text";
import { findings, isolationWarnings, verdictOf, warnings } from "#report/verdict";

const SIGN = { good: "✅", warning: "⚠️", bad: "❌" } as const;

/** @param plots - Paths of images beside the file, with what they show. */
export function formatMarkdown(data: ReportData, plots: readonly { path: string; title: string }[]): string {
  const { sweep, rows, facts, environments } = data;
  const verdict = verdictOf(data);
  const reasons = rows.filter(({ reason }) => reason !== "");
  return [
    `# ${inline(sweep.name)}`,
    `${SIGN[verdict.tone]} **${inline(verdict.text)}**`,
    ...isolationWarnings(data).map((warning) => `> ⚠️ **${inline(warning)}**`),
    list([...findings(data).map(inline), `Runs: ${inline(statusText(rows) || "none yet")}`]),
    ...section("Limits of these results", list(warnings(data).map(inline))),
    ...section("Points", pointTable(data.points, data)),
    ...section("Plots", plots.map(({ path, title }) => `![${inline(title)}](${path})`).join("\n\n")),
    ...section(
      "Environments",
      table(
        ["", ...environments.map(({ name }) => inline(name))],
        facts.map(({ fact, values, differs }) =>
          [differs ? `**${inline(fact)}** (differs)` : inline(fact)].concat(values.map(code)),
        ),
      ),
    ),
    ...section(
      "Runs that are not VALID",
      table(
        ["run", "status", "reason"],
        reasons.map(({ run_id, status, reason }) => [code(run_id), status, code(reason)]),
      ),
    ),
    ...section("Reproduce", reproduction(data)),
  ]
    .join("\n\n")
    .concat("\n");
}

function pointTable(points: readonly PointSummary[], { rows, misses }: ReportData): string {
  const columns = summaryColumns(rows, misses);
  return table(
    columns.map(({ title }) => title),
    points.map((point) => columns.map(({ text }) => inline(text(point)))),
    columns.map(({ align }) => align === "right"),
  );
}

function reproduction({ sweep, spec }: ReportData): string {
  return [
    "`spec.yaml` beside this file is the spec as it was measured.",
    `\`\`\`sh\nmeshbench run spec.yaml\n\`\`\``,
    `Sweep ${code(sweep.sweepId)}, started ${sweep.startedAt}, seed ${spec.seed}, order ${spec.order}.`,
  ].join("\n\n");
}
