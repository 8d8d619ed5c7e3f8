/** A nightly for people: its trend at a terminal, and the one issue of a regression. */

import { LEAST_CHANGE, NIGHTLY_COLUMNS, type Nightly, type NightlyColumn } from "#model/nightly";
import {
  currentEra,
  seriesKey,
  seriesOf,
  valueOn,
  valuesOf,
  type MeasuredNight,
  type MeasuredPoint,
  type PointFactors,
  type Series,
} from "#model/nightly-history";
import { newestEpisode, openRegressions, type Evidence, type Finding, type Regression } from "#model/nightly-verdict";
import { FACTOR_COLUMNS, type FactorColumn } from "#model/point-summary";
import { median } from "#model/statistics";
import { describeFactors } from "#report/factors";
import { formatFigure, printable } from "#report/format";
import { isolationRemark, saysNothingAboutVms } from "#report/isolation";
import { code, inline, list, table } from "#report/markdown-text";
import { alignText, type TextColumn } from "#report/terminal-table";

const NIGHTS_SHOWN = 30;
const SPARKS = "▁▂▃▄▅▆▇█";
const NO_FIGURE = "·";
/** What an environment's isolation is called among the facts of a night. */
const ISOLATION = " isolation";

export interface NightlyView {
  readonly name: string;
  /** Such as `quick, 17 3 * * * Europe/Lisbon`; absent where it was deleted and only its nights are left. */
  readonly schedule?: string;
  /** UTC, ISO 8601. */
  readonly nextAt?: string;
  readonly isPaused?: boolean;
  readonly least?: Readonly<Record<NightlyColumn, number>>;
  /** By date. */
  readonly nights: readonly MeasuredNight[];
  /** Dates that nobody measured. */
  readonly missed: readonly string[];
}

/** How it stands, in one line. */
export function nightlyState({ nights }: Pick<NightlyView, "nights">): string {
  const open = openRegressions(nights);
  const judged = nights.filter(({ verdict }) => verdict !== undefined);
  if (open.length > 0) {
    const [first] = open;
    return `REGRESSION since ${first?.firstAfter.date}, ${bracketOf(open)}`;
  }
  if (judged.length === 0) return nights.length === 0 ? "no night yet" : "no night is judged yet";
  return `no regression, ${judged.length} ${judged.length === 1 ? "night" : "nights"} judged`;
}

/** The trend: a line per point and measure, then what is worth knowing about the nights. */
export function formatNightly(view: NightlyView): string {
  const { name, schedule, nextAt, isPaused, nights } = view;
  const next = isPaused ? "; paused" : nextAt === undefined ? "" : `; next ${nextAt}`;
  const head = `${name}: ${schedule === undefined ? "deleted, only its nights are left" : `${schedule}${next}`}`;
  const lines = linesOf(view);
  return [
    head,
    nightlyState(view),
    ...openRegressions(nights).map((one) => `  ${describeLoss(one)}`),
    ...(lines.length === 0 ? [] : ["", alignText(TREND_COLUMNS, lines)]),
    ...notesOf(view).flatMap((note, i) => (i === 0 ? ["", note] : [note])),
  ].join("\n");
}

interface TrendLine {
  readonly series: Series;
  readonly point: string;
  readonly trend: string;
  readonly last: number | undefined;
  readonly usual: number | undefined;
  readonly change: Finding | undefined;
  /** On which night it was over. */
  readonly recoveredOn: string | undefined;
}

const TITLES: Readonly<Record<NightlyColumn, string>> = {
  deviation_pct: "deviation %",
  lateness_remote_p99_ms: "lateness remote p99 ms",
};

const figure = (value: number | undefined): string => (value === undefined ? "–" : formatFigure(value));

const TREND_COLUMNS: readonly TextColumn<TrendLine>[] = [
  { title: "point", align: "left", text: ({ point }) => point },
  { title: "measure", align: "left", text: ({ series }) => TITLES[series.column] },
  { title: "nights", align: "left", text: ({ trend }) => trend },
  { title: "last", align: "right", text: ({ last }) => figure(last) },
  { title: "usual", align: "right", text: ({ usual }) => figure(usual) },
  { title: "last change", align: "left", text: describeLastChange },
];

function linesOf({ nights, missed, least = LEAST_CHANGE }: NightlyView): TrendLine[] {
  const era = currentEra(nights).nights;
  const measured = nights.filter(({ points }) => points.length > 0);
  const describe = pointNames(measured.at(-1)?.points.map(({ factors }) => factors) ?? []);
  const byDate = new Map(nights.map((night) => [night.date, night]));
  const dates = [...new Set([...byDate.keys(), ...missed])].sort().slice(-NIGHTS_SHOWN);
  const findings = nights.flatMap(({ verdict }) => verdict?.findings ?? []).filter(({ cause }) => cause !== "chance");
  const recoveries = nights.flatMap(({ date, verdict }) => (verdict?.recovered ?? []).map((one) => ({ date, one })));
  return seriesOf(measured).map((series) => {
    const shown = dates.map((date) => {
      const night = byDate.get(date);
      return night && valueOn(series, night);
    });
    const usual = valuesOf(series, era).map(({ value }) => value);
    return {
      series,
      point: describe(series.factors),
      trend: sparkline(shown, least[series.column]),
      last: shown.findLast((value) => value !== undefined),
      usual: usual.length === 0 ? undefined : median(usual),
      change: findings.findLast((one) => seriesKey(one.series) === seriesKey(series)),
      recoveredOn: recoveries.findLast(({ one }) => seriesKey(one.series) === seriesKey(series))?.date,
    };
  });
}

/** By what tells them apart. */
function pointNames(points: readonly PointFactors[]): (factors: PointFactors) => string {
  const varying = FACTOR_COLUMNS.filter((column) => new Set(points.map((factors) => factors[column])).size > 1);
  const shown: readonly FactorColumn[] = varying.length === 0 ? ["mode", "nodes", "rate_per_min"] : varying;
  return (factors) => describeFactors(factors, shown);
}

/**
 * A block a night, lowest to highest.
 * @param least - A smaller range is shown as flat as it is.
 */
export function sparkline(values: readonly (number | undefined)[], least: number): string {
  const figures = values.filter((value) => value !== undefined);
  const low = Math.min(...figures);
  const span = Math.max(Math.max(...figures) - low, least * 2);
  return values
    .map((value) => {
      if (value === undefined) return NO_FIGURE;
      return SPARKS[span === 0 ? 0 : Math.round(((value - low) / span) * (SPARKS.length - 1))] ?? NO_FIGURE;
    })
    .join("");
}

function describeLastChange({ change: finding, recoveredOn = "" }: TrendLine): string {
  if (finding === undefined) return "–";
  const { change, before, after, firstAfter, cause } = finding;
  const recovery = recoveredOn > firstAfter.date ? `; recovered ${recoveredOn}` : "";
  return `${firstAfter.date} ${change}, ${formatFigure(before)} → ${formatFigure(after)}: the ${cause}${recovery}`;
}

function describeLoss(regression: Regression): string {
  const { series, before, after, besideBaseline } = regression;
  const beside =
    besideBaseline === undefined ? "" : `; measured again: ${describeEvidence(besideBaseline, regression)}`;
  const point = describeFactors(series.factors, ["environment", "mode", "nodes", "rate_per_min"]);
  return `${point}: ${TITLES[series.column]} ${formatFigure(before)} → ${formatFigure(after)}${beside}`;
}

const describeEvidence = ({ a, b, p }: Evidence, { baseline }: Pick<Regression, "baseline">): string =>
  `${formatFigure(b)} beside ${formatFigure(a)} of the baseline (${baseline.name}), p ${p < 0.001 ? "< 0.001" : `= ${p.toFixed(3)}`}`;

/** The commits between which it began: nights without a commit go by their dates. */
function bracketOf(regressions: readonly Regression[]): string {
  const pairs = regressions.map(({ lastBefore, firstAfter }) =>
    lastBefore.sourceSha && firstAfter.sourceSha
      ? `commits ${lastBefore.sourceSha.slice(0, 12)}..${firstAfter.sourceSha.slice(0, 12)}`
      : `between the nights of ${lastBefore.date} and ${firstAfter.date}`,
  );
  return [...new Set(pairs)].join(", ");
}

function notesOf({ nights, missed }: NightlyView): string[] {
  const era = currentEra(nights);
  const failed = nights.filter(({ status }) => status === "FAILED" || status === "CANCELLED").slice(-NIGHTS_SHOWN);
  const open = nights.filter(({ status }) => status === "OPEN");
  const empty = nights
    .filter(({ status, points }) => status === "DONE" && points.every(hasNoFigure))
    .slice(-NIGHTS_SHOWN);
  const undecided = nights.findLast(({ verdict }) => verdict !== undefined)?.verdict?.undecided;
  return [
    ...(era.because.length === 0
      ? []
      : [`compared since ${era.nights[0]?.date}: the environment changed (${era.because.map(printable).join("; ")})`]),
    ...(missed.length === 0 ? [] : [`missed: ${missed.slice(-NIGHTS_SHOWN).join(", ")}`]),
    ...failed.map(({ date, status, reason }) => `${status.toLowerCase()}: ${date}, ${printable(reason ?? "")}`),
    ...empty.map(({ date, sweepId }) => `no figures: ${date}, meshbench report ${sweepId}`),
    ...open.map(({ date, sweepId }) =>
      date === nights.at(-1)?.date
        ? `under way: ${date}, meshbench watch ${sweepId}`
        : `broke off: ${date}, its workflow ended without a word`,
    ),
    ...isolationNotes(nights).map(printable),
    ...(undecided === undefined ? [] : [`a change is suspected and could not be confirmed: ${printable(undecided)}`]),
  ];
}

/** Of the newest night: nights with other environments are not compared with it. */
function isolationNotes(nights: readonly MeasuredNight[]): string[] {
  const { setting = {} } = nights.findLast(({ points }) => points.length > 0) ?? {};
  const isolations = Object.entries(setting).filter(([fact]) => fact.endsWith(ISOLATION));
  return isolations
    .filter(([, isolation]) => saysNothingAboutVms(isolation))
    .map(([fact, isolation]) => isolationRemark(fact.slice(0, -ISOLATION.length), isolation));
}

const hasNoFigure = ({ medians }: MeasuredPoint): boolean => Object.keys(medians).length === 0;

/** For scripts: the same as `formatNightly` shows, with every figure. */
export function nightlyDocument({ name, schedule, nextAt, isPaused, nights, missed }: NightlyView): object {
  return {
    name,
    schedule: schedule ?? null,
    next_at: nextAt ?? null,
    paused: isPaused ?? false,
    regressions: openRegressions(nights),
    missed,
    nights: nights.map(({ date, sweepId, sourceSha, status, reason, points, verdict }) => ({
      date,
      sweep_id: sweepId,
      source_sha: sourceSha,
      status,
      reason: reason ?? null,
      points: points.map(({ factors, medians }) => ({
        ...factors,
        ...Object.fromEntries(NIGHTLY_COLUMNS.map((column) => [column, medians[column] ?? null])),
      })),
      findings: verdict?.findings ?? [],
      recovered: verdict?.recovered ?? [],
    })),
  };
}

export interface IssueText {
  /** What the issue is found again by: one for each episode. */
  readonly key: string;
  /** `YYYY-MM-DD`. */
  readonly since: string;
  readonly isOpen: boolean;
  readonly title: string;
  /** Markdown. */
  readonly body: string;
}

/** @returns Nothing where no night ever lost anything. */
export function regressionIssue(
  { name, least }: Pick<Nightly, "name" | "least">,
  nights: readonly MeasuredNight[],
): IssueText | undefined {
  const episode = newestEpisode(nights);
  if (episode === undefined) return undefined;
  const { since, regressions, over } = episode;
  const [first] = regressions;
  const lines = regressions.map((one) => [
    inline(describeFactors(one.series.factors, ["environment", "mode", "nodes", "rate_per_min"])),
    TITLES[one.series.column],
    formatFigure(one.before),
    formatFigure(one.after),
    one.besideBaseline === undefined ? "–" : inline(describeEvidence(one.besideBaseline, one)),
    bracketMarkdown(one),
  ]);
  const confirmation = nights.find(({ date }) => date === since)?.verdict?.confirmation;
  const state =
    over === undefined
      ? `❌ **Worse since ${first?.firstAfter.date}**, by the code: the baseline, measured in the same sweep, is as it was.`
      : `✅ **Recovered** on ${over.date}${over.sourceSha === "" ? "" : `, commit ${over.sourceSha}`}: beside the baseline no loss is shown any more.`;
  return {
    key: `nightly:${name}:${since}`,
    since,
    isOpen: over === undefined,
    title: `Nightly ${name}: worse since ${first?.firstAfter.date ?? since}`,
    body: [
      state,
      table(["point", "measure", "nights before", "nights after", "measured again", "came with"], lines),
      trendMarkdown({ name, least, nights, missed: [] }),
      list([
        ...isolationNotes(nights).map(inline),
        "before and after: medians over the nights; p of the Mann-Whitney test on the runs of one interleaved sweep",
        `on the bench's machine: \`meshbench nightly ${name}\`${confirmation === undefined ? "" : `, ${code(`meshbench report ${confirmation.sweepId}`)}`}`,
      ]),
    ].join("\n\n"),
  };
}

function bracketMarkdown({ lastBefore, firstAfter }: Finding): string {
  if (!lastBefore.sourceSha || !firstAfter.sourceSha) return `${lastBefore.date} … ${firstAfter.date}`;
  return `${lastBefore.sourceSha}...${firstAfter.sourceSha}`;
}

function trendMarkdown(view: NightlyView): string {
  const lines = linesOf(view);
  return lines.length === 0 ? "" : `\`\`\`text\n${alignText(TREND_COLUMNS, lines)}\n\`\`\``;
}
