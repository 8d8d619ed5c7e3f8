/** A report as one HTML file: opens offline, needs no script, prints. */

import {
  countStatuses,
  replacedAttempts,
  RUN_STATUSES,
  summariseColumn,
  type FigureColumn,
  type PointSummary,
} from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import { STEPS } from "#model/run";
import { STEP_COLUMNS } from "#model/run-row";
import { describeFactors, varyingFactors } from "#report/factors";
import { formatFigure, printable } from "#report/format";
import { REPORT_STYLE } from "#report/html-style";
import { html, Markup } from "#report/markup";
import {
  DEVIATION_INTERVAL,
  DEVIATION_MEDIAN,
  factorColumns,
  INSERTS,
  LATENESS_LOCAL_P50,
  LATENESS_LOCAL_P99,
  LATENESS_REMOTE_P50,
  LATENESS_REMOTE_P99,
  notesColumn,
  STATUSES,
  VALID_COUNT,
} from "#report/point-columns";
import type { ReportData } from "#report/report-data";
import { specFile } from "#report/spec-file";
import { findings, isolationWarnings, verdictOf, warnings } from "#report/verdict";

export interface InlinePlot {
  readonly title: string;
  readonly svg: string;
}

interface Column<T> {
  readonly title: string;
  readonly isNumber?: boolean;
  readonly cell: (line: T) => Markup | string;
}

/** Nothing is loaded and nothing runs, whatever a name or a reason holds. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

export function formatHtml(data: ReportData, plots: readonly InlinePlot[]): string {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="${POLICY}" />
        <title>${printable(data.sweep.name)} · Meshbench</title>
        <style>
          ${new Markup(REPORT_STYLE)}
        </style>
      </head>
      <body>
        ${pageHead(data)} ${section("Figures", plots.map(figure))} ${section("Points", pointsTable(data))}
        ${section("Phases", phasesTable(data))} ${section("Environments", environmentsTable(data))}
        ${data.effects.length > 0 ? section("What the load did to its environment", effectsTable(data)) : ""}
        ${section("Reproduce", reproduction(data))} ${section("Runs", runsTable(data))}
        ${section("How to read this", GLOSSARY)}
      </body>
    </html> `;
  return page.html;
}

function pageHead(data: ReportData): Markup {
  const { sweep, spec } = data;
  const verdict = verdictOf(data);
  const limits = warnings(data);
  return html`<header>
    <h1>${printable(sweep.name)}</h1>
    <p class="facts">
      Sweep ${code(sweep.sweepId)} · started ${utc(sweep.startedAt)} · seed ${spec.seed} · order ${spec.order}
    </p>
    <div class="verdict ${verdict.tone}">
      <strong>${verdict.text}</strong>
      <ul>
        ${findings(data).map((finding) => html`<li>${printable(finding)}</li>`)}
      </ul>
    </div>
    ${isolationWarnings(data).map((one) => html`<p class="verdict bad"><strong>${printable(one)}</strong></p>`)}
    ${counts(data.rows)}
    ${
      limits.length > 0
        ? html`<h2>Limits of these results</h2>
            <ul class="limits">
              ${limits.map((one) => html`<li>${printable(one)}</li>`)}
            </ul>`
        : ""
    }
  </header>`;
}

function counts(rows: readonly RunRow[]): Markup {
  const byStatus = countStatuses(rows);
  const items = RUN_STATUSES.map(
    (status) => html`<li class="${byStatus[status] > 0 ? status : "none"}"><b>${byStatus[status]}</b> ${status}</li>`,
  );
  return html`<ul class="counts">
    ${items}
    <li class="none"><b>${replacedAttempts(rows).size}</b> of these replaced</li>
  </ul>`;
}

/** An SVG of ours: Vega has escaped what is in it. */
const figure = ({ svg, title }: InlinePlot): Markup =>
  html`<figure class="plot" aria-label="${title}">${new Markup(svg)}</figure>`;

function pointsTable({ rows, points, misses }: ReportData): Markup {
  const columns = [
    ...factorColumns(rows),
    INSERTS,
    VALID_COUNT,
    DEVIATION_MEDIAN,
    DEVIATION_INTERVAL,
    LATENESS_REMOTE_P50,
    LATENESS_REMOTE_P99,
    LATENESS_LOCAL_P50,
    LATENESS_LOCAL_P99,
    STATUSES,
    notesColumn(misses),
  ];
  return html`<p>
      Medians over VALID runs. Deviation is that of a run's slowest node; lateness is in milliseconds; inserts are those
      of all databases, N²·D.
    </p>
    ${table(
      columns.map(({ title, align, text }) => ({ title, isNumber: align === "right", cell: text })),
      points,
    )}`;
}

function phasesTable({ rows, points }: ReportData): Markup {
  const factors = factorColumns(rows).map(({ title, align, text }) => ({
    title,
    isNumber: align === "right",
    cell: text,
  }));
  const phases = STEPS.map((step) => medianColumn(`${step} s`, STEP_COLUMNS[step]));
  const skew = medianColumn("barrier skew ms", "barrier_skew_ms");
  return html`<p>Medians over VALID runs.</p>
    ${table([...factors, ...phases, skew], points)}`;
}

function medianColumn(title: string, column: FigureColumn): Column<PointSummary> {
  const cell = ({ rows }: PointSummary) => figureText(summariseColumn(rows, column)?.median ?? null);
  return { title, isNumber: true, cell };
}

function environmentsTable({ environments, facts, rows }: ReportData): Markup {
  if (environments.length === 0) return html`<p>No run has left evidence of its environment.</p>`;
  const head = html`<tr>
    <th>fact</th>
    ${environments.map(({ name }) => html`<th>${printable(name)}</th>`)}
  </tr>`;
  const prints = environments.map(({ name }) => {
    const its = rows.filter(({ environment }) => environment === name).flatMap(({ fingerprint }) => fingerprint ?? []);
    return [...new Set(its)].join(", ") || "–";
  });
  const lines = facts.map(
    ({ fact, values, differs }) =>
      html`<tr class="${differs ? "differs" : "same"}">
        <td>${printable(fact)}${differs ? " ≠" : ""}</td>
        ${values.map((value) => html`<td class="wide">${printable(value)}</td>`)}
      </tr>`,
  );
  return html`<p>
      Facts with ≠ differ between the environments; a difference in the figures can come from any of them.
    </p>
    <div class="scroll">
      <table>
        <thead>
          ${head}
        </thead>
        <tbody>
          ${lines}
          <tr>
            <td>fingerprint of all facts</td>
            ${prints.map((print) => html`<td class="wide">${code(print)}</td>`)}
          </tr>
        </tbody>
      </table>
    </div>`;
}

/** Lines with nothing in them say as much as the others: the load did nothing of the kind. */
function effectsTable({ rows, points, effects }: ReportData): Markup {
  const columns = [...factorColumns(rows), ...effects];
  return html`<p>
      The largest of each point's runs, sampled on the host during the main loop. Recorded, not held against a run:
      drops, overflows, throttling and waiting are what its own load did. Wall clocks measure nothing here.
    </p>
    ${table(
      columns.map(({ title, align, text }) => ({ title, isNumber: align === "right", cell: text })),
      points,
    )}`;
}

function reproduction({ spec, sweep, rows }: ReportData): Markup {
  const sources = [...new Set(rows.map(({ source_sha }) => source_sha).filter(Boolean))];
  const checkout = sources.map((sha) => `git checkout ${sha}\n`).join("");
  return html`<p>
      The spec as it was measured, also beside this file as ${code("spec.yaml")}. The seed fixes tuples and order.
    </p>
    <pre>${printableLines(`${checkout}meshbench run spec.yaml`)}</pre>
    <p>This report and its numbers again:</p>
    <pre>${printableLines(`meshbench report ${sweep.sweepId}\nmeshbench export ${sweep.sweepId} --format csv`)}</pre>
    <pre>${printableLines(specFile(spec))}</pre>`;
}

function runsTable({ rows }: ReportData): Markup {
  const replaced = replacedAttempts(rows);
  const varying = varyingFactors(rows);
  const columns: Column<RunRow>[] = [
    { title: "run", cell: ({ run_id }) => code(run_id) },
    { title: "point", cell: (row) => printable(describeFactors(row, varying)) },
    { title: "started", cell: ({ started_at }) => utc(started_at) },
    {
      title: "status",
      cell: (row) =>
        html`<span class="status ${row.status}">${row.status}</span>${replaced.has(row) ? " (replaced)" : ""}`,
    },
    { title: "deviation %", isNumber: true, cell: (row) => figureText(row.deviation_pct) },
    { title: "lateness remote p99 ms", isNumber: true, cell: (row) => figureText(row.lateness_remote_p99_ms) },
    { title: "quotable", cell: ({ quotable }) => (quotable ? "yes" : "no") },
    { title: "reason", cell: ({ reason }) => printable(reason) },
  ];
  return html`<p>Every attempt, in the order they were measured.</p>
    ${table(columns, rows)}`;
}

/** `2026-11-20 22:00:05 UTC` */
const utc = (iso: string): string => `${iso.slice(0, 19).replace("T", " ")} UTC`;

const figureText = (value: number | null): string => (value === null ? "–" : formatFigure(value));

const GLOSSARY = html`<dl>
  <dt>deviation</dt>
  <dd>
    (elapsed − expected) / expected, in percent, of the run's slowest node. Expected is K·60/D seconds for K tuples per
    node at D tuples per minute.
  </dd>
  <dt>lateness</dt>
  <dd>
    Acknowledgement minus due time of a tuple: local database, or slowest peer (remote). A stall inside the main loop
    that catches up shows here and not in the deviation.
  </dd>
  <dt>median, interval</dt>
  <dd>
    Over VALID runs. The 95 % interval of the median goes by ranks and assumes no distribution; it needs six runs.
  </dd>
  <dt>VALID</dt>
  <dd>Every database was counted and digested and holds exactly the expected tuples.</dd>
  <dt>SUSPECT</dt>
  <dd>Proven as well, but something foreign disturbed the run: kept, and outside medians.</dd>
  <dt>INVALID</dt>
  <dd>
    Not proven, or disturbed: kept, and measured afresh as far as the spec's attempts go. A run at its deadline shows
    the least it would have been, with ≥.
  </dd>
  <dt>FAILED</dt>
  <dd>Ended without a measurement; its reason says why.</dd>
  <dt>quotable</dt>
  <dd>Main loops of 30 s and more; the last batch and the barrier weigh too much in shorter ones.</dd>
</dl>`;

const section = (title: string, content: Markup | readonly Markup[]): Markup =>
  html`<section>
    <h2>${title}</h2>
    ${content}
  </section>`;

function table<T>(columns: readonly Column<T>[], lines: readonly T[]): Markup {
  const kind = ({ isNumber }: Column<T>) => (isNumber ? "number" : "text");
  const head = columns.map((column) => html`<th class="${kind(column)}">${column.title}</th>`);
  const body = lines.map(
    (line) =>
      html`<tr>
        ${columns.map((column) => html`<td class="${kind(column)}">${column.cell(line)}</td>`)}
      </tr>`,
  );
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div>`;
}

const code = (text: string): Markup => html`<code>${printable(text)}</code>`;

const printableLines = (text: string): string => text.trimEnd().split("\n").map(keepIndent).join("\n");

const keepIndent = (line: string): string => `${/^ */.exec(line)?.[0] ?? ""}${printable(line.trim())}`;
