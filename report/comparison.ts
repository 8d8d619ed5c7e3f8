/** What two sets of runs say beside each other: the environments' differences first, then the points. */

import {
  ALPHA,
  compareRuns,
  DECIDING_COLUMNS,
  isDecided,
  REPETITIONS_LEAST,
  type Change,
  type ComparedColumn,
  type Comparison,
  type Difference,
  type Evidence,
  type PointComparison,
  type SideFigure,
} from "#model/comparison";
import type { PointSummary } from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import type { PreparedEnvironment } from "#model/run";
import { describeFactors, varyingFactors } from "#report/factors";
import { formatFigure } from "#report/format";
import { armsWithoutVms } from "#report/isolation";
import { code, inline, list, section, table } from "#report/markdown-text";
import { alignFacts, factsOf, type EnvironmentFacts, type FactLine } from "#report/report-data";
import { statusText } from "#report/status-text";
import { alignText, type TextColumn } from "#report/terminal-table";

export interface ComparisonReport {
  readonly a: ComparedSide;
  readonly b: ComparedSide;
  readonly comparison: Comparison;
  /** Of a's environments, then of b's. */
  readonly facts: readonly FactLine[];
}

export interface ComparedSide {
  /** What the user called it. */
  readonly name: string;
  readonly rows: readonly RunRow[];
  /** Those that its runs found. */
  readonly environments: readonly PreparedEnvironment[];
}

/** @param seed - Of the bootstrap: the same sides and seed give the same intervals. */
export function prepareComparison(a: ComparedSide, b: ComparedSide, seed: number): ComparisonReport {
  const comparison = compareRuns({ a: a.rows, b: b.rows, seed });
  return { a, b, comparison, facts: alignFacts([joinFacts(a), joinFacts(b)]) };
}

/** A side of several environments has a fact once for each value it takes. */
function joinFacts({ environments, rows }: ComparedSide): EnvironmentFacts {
  const rowsOf = (name: string) => rows.filter(({ environment }) => environment === name);
  const lines = alignFacts(environments.map((one) => factsOf(one, rowsOf(one.name))));
  return Object.fromEntries(lines.map(({ fact, values }) => [fact, [...new Set(values)].sort().join(" / ")]));
}

const COLUMN_TITLES: Readonly<Record<ComparedColumn, string>> = {
  deviation_pct: "deviation %",
  lateness_remote_p99_ms: "lateness remote p99 ms",
  lateness_local_p99_ms: "lateness local p99 ms",
  sync_s: "sync s",
  provision_s: "provision s",
};

const ARROWS: Readonly<Record<Change, string>> = { better: "↓ better", worse: "↑ worse", "~": "~" };

const MEASURE_COLUMNS: readonly TextColumn<Difference>[] = [
  { title: "measure", align: "left", text: ({ column }) => COLUMN_TITLES[column] },
  { title: "a", align: "right", text: ({ a }) => sideText(a) },
  { title: "b", align: "right", text: ({ b }) => sideText(b) },
  { title: "b − a", align: "right", text: ({ difference }) => signed(difference) },
  {
    title: "95 % interval",
    align: "right",
    text: ({ interval }) => (interval ? `${signed(interval.lower)} to ${signed(interval.upper)}` : "–"),
  },
  { title: "p", align: "right", text: ({ p }) => (p < 0.001 ? "< 0.001" : p.toFixed(3)) },
  { title: "", align: "left", text: ({ change, isTooFew }) => (isTooFew ? "too few runs" : ARROWS[change]) },
];

const sideText = ({ n, median, isLowerBound }: SideFigure): string =>
  `${isLowerBound ? "≥ " : ""}${formatFigure(median)} (n=${n})`;

interface Line {
  readonly point: string;
  readonly difference: Difference;
}

const LINE_COLUMNS: readonly TextColumn<Line>[] = [
  { title: "point", align: "left", text: ({ point }) => point },
  ...MEASURE_COLUMNS.map(({ title, align, text }) => ({
    title,
    align,
    text: ({ difference }: Line) => text(difference),
  })),
];

/** `b` seen from `a`, in one line; with why it may be otherwise. */
export function verdictText({ a, b, comparison }: ComparisonReport): string {
  const { points, verdict } = comparison;
  if (points.length === 0) return `${b.name} and ${a.name} share no point: nothing to compare`;
  const broken = countOf(points, "broken");
  if (broken > 0) return `${b.name} has no VALID run at ${shareOf(points, broken)} where ${a.name} has`;
  if (verdict === "worse") return `${b.name} is worse than ${a.name}, over ${counted(points.length)}`;
  const doubts = doubtsOf(comparison);
  const sides = `between ${b.name} and ${a.name}`;
  if (verdict === "~" && doubts.length > 0) return `Undecided ${sides}: ${doubts.join("; ")}`;
  const found = verdict === "~" ? `No difference shown ${sides} over` : `${b.name} is better than ${a.name}, over`;
  return [`${found} ${counted(points.length)}`, ...doubts, ...unsharedText(comparison)].join("; ");
}

/** Why a difference may be there all the same: points that could not have shown it. */
function doubtsOf({ points, repetitionsNeeded }: Comparison): string[] {
  const [missing, few] = [countOf(points, "missing"), countOf(points, "few")];
  return [
    ...(missing > 0 ? [`figures are missing at ${shareOf(points, missing)}`] : []),
    ...(few > 0
      ? [`too few repetitions to show a difference at ${shareOf(points, few)} (${repetitionsNeeded} needed)`]
      : []),
  ];
}

function unsharedText({ onlyA, onlyB }: Comparison): string[] {
  const count = onlyA.length + onlyB.length;
  return count === 0 ? [] : [`${counted(count)} measured on one side only`];
}

const countOf = (points: readonly PointComparison[], evidence: Evidence): number =>
  points.filter((point) => point.evidence === evidence).length;

const counted = (count: number): string => `${count} ${count === 1 ? "point" : "points"}`;

const shareOf = (points: readonly PointComparison[], count: number): string => `${count} of ${counted(points.length)}`;

const SIGNS: Readonly<Record<Change, string>> = { better: "✅", worse: "❌", "~": "➖" };

/** Of the verdict; one of its own where a loss may have gone unseen. */
export const signOf = (comparison: Comparison): string =>
  comparison.verdict === "worse" || isDecided(comparison) ? SIGNS[comparison.verdict] : "❔";

/** Plain text for a terminal. */
export function formatComparisonText(report: ComparisonReport): string {
  const { a, b } = report;
  const differing = differingFacts(report);
  return [
    verdictText(report),
    `a = ${a.name}, b = ${b.name}; medians of VALID runs, less is better; p of the Mann-Whitney test, ~ from ${ALPHA} on`,
    ...comparisonWarnings(report).map((warning) => `warning: ${warning}`),
    ...(differing.length === 0
      ? []
      : ["the environments differ:", ...differing.map(({ fact, values }) => `  ${fact}: ${values.join(" | ")}`)]),
    alignText(LINE_COLUMNS, linesOf(report)),
  ].join("\n\n");
}

/** Verdict first. */
export const formatComparisonMarkdown = (report: ComparisonReport): string =>
  `${signOf(report.comparison)} **${inline(verdictText(report))}**\n\n${comparisonDetails(report)}\n`;

/** What stands below the verdict: warnings, then environments, then a table; in Markdown. */
export function comparisonDetails(report: ComparisonReport): string {
  const differing = differingFacts(report);
  const lines = linesOf(report);
  return [
    list(comparisonWarnings(report).map((warning) => `⚠️ ${inline(warning)}`)),
    ...section(
      "The environments differ",
      table(
        ["", "a", "b"],
        differing.map(({ fact, values }) => [inline(fact)].concat(values.map(code))),
      ),
    ),
    table(
      LINE_COLUMNS.map(({ title }) => title),
      lines.map((line) => LINE_COLUMNS.map(({ text }) => inline(text(line)))),
      LINE_COLUMNS.map(({ align }) => align === "right"),
    ),
    `a = ${code(report.a.name)}, b = ${code(report.b.name)}. Medians of VALID runs, less is better; interval: seeded bootstrap of the difference; p: Mann-Whitney, \`~\` from ${ALPHA} on. The verdict holds over all points (Holm).`,
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** What a reader has to know before believing it. */
export function comparisonWarnings(report: ComparisonReport): string[] {
  const { a, b, comparison } = report;
  const { points, onlyA, onlyB } = comparison;
  const sizes = points.flatMap(({ differences }) => differences.flatMap((one) => [one.a.n, one.b.n]));
  const least = Math.min(...sizes);
  const lateCount = points.filter((point) => point.a.deadlineCount + point.b.deadlineCount > 0).length;
  return [
    ...weakIsolations([...a.rows, ...b.rows]),
    ...withoutFigures(report),
    ...(least < REPETITIONS_LEAST
      ? [`only ${least} VALID repetitions somewhere: ${REPETITIONS_LEAST} are the least for an interval`]
      : []),
    ...(countOf(points, "few") > 0
      ? [
          `${comparison.repetitionsNeeded} VALID repetitions on each side are the least that decide over ${counted(points.length)}`,
        ]
      : []),
    ...(lateCount > 0
      ? [
          `runs hit their deadline at ${lateCount} of the points: their deviation counts as what it was by then (≥), their lateness is missing`,
        ]
      : []),
    ...unshared(onlyA, a.name),
    ...unshared(onlyB, b.name),
  ];
}

/** A point without a line in the table, or with half of one. */
function withoutFigures(report: ComparisonReport): string[] {
  const { a, b, comparison } = report;
  const silent = comparison.points.filter(({ evidence }) => evidence === "broken" || evidence === "missing");
  const varying = varyingFactors([...a.rows, ...b.rows]);
  return silent.map((point) => {
    const what = point.evidence === "broken" ? `${b.name} has no VALID run` : "figures are missing";
    const ended = [point.a, point.b].map(({ rows }) => statusText(rows));
    return `${describePoint(point, varying)}: ${what} (${a.name}: ${ended[0]}; ${b.name}: ${ended[1]})`;
  });
}

const unshared = (points: readonly PointSummary[], name: string): string[] =>
  points.length === 0 ? [] : [`${points.length} of the points are in ${name} only and are left out`];

const weakIsolations = (rows: readonly RunRow[]): string[] =>
  [...armsWithoutVms(rows)].map(
    ([name, isolation]) => `isolation of ${name} is ${isolation}: no conclusion about VMs follows`,
  );

const differingFacts = ({ facts }: ComparisonReport): FactLine[] => facts.filter(({ differs }) => differs);

/** What decides is shown always, the rest where it changed: a table is read to its end only when it is short. */
function linesOf({ a, b, comparison }: ComparisonReport): Line[] {
  const varying = varyingFactors([...a.rows, ...b.rows]);
  return comparison.points.flatMap((point) =>
    point.differences
      .filter(({ column, change }) => DECIDING_COLUMNS.has(column) || change !== "~")
      .map((difference) => ({ point: describePoint(point, varying), difference })),
  );
}

function describePoint({ a, b }: PointComparison, varying: ReturnType<typeof varyingFactors>): string {
  const isSameArm = a.factors.environment === b.factors.environment;
  const columns = varying.filter((column) => column !== "environment" || isSameArm);
  return describeFactors(a.factors, columns.length === 0 ? ["mode", "nodes", "rate_per_min"] : columns);
}

const signed = (value: number): string => `${value < 0 ? "−" : "+"}${formatFigure(Math.abs(value))}`;
