/**
 * What follows from a night: is a change suspected, and was it the code or the environment? A change point alone accuses
 * nobody. What it points at is measured again, interleaved with the frozen baseline, whose own past tells whether the
 * environment moved.
 *
 *                            suspect ── nothing ──────────────────────────▶ as before
 *   history of medians ──▶      │                  ┌─ differs from the baseline beside it ─▶ code
 *                               └─ measured again ─┼─ only the baseline differs from its past ─▶ environment
 *                                                  └─ neither ─▶ chance
 */

import { compareRuns, type Difference } from "#model/comparison";
import { findChangePoints } from "#model/change-points";
import type { Nightly, NightlyColumn } from "#model/nightly";
import {
  baselineOf,
  currentEra,
  seriesKey,
  seriesOf,
  valueOn,
  valuesOf,
  type Baseline,
  type Era,
  type MeasuredNight,
  type Series,
  type SeriesValue,
} from "#model/nightly-history";
import { FACTOR_COLUMNS, withLowerBounds } from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import { median } from "#model/statistics";

/** E-divisive grows with the square of it, and what was months ago explains nothing of tonight. */
const HISTORY_NIGHTS = 40;
/** Older changes were there to be judged before. */
const RECENT_NIGHTS = 7;
/** Where a change lies moves by a night or two as more nights join it. */
const SAME_CHANGE_NIGHTS = 2;
/** What was chance once may be real; what was chance twice is left alone. */
const CHANCES = 2;

interface NightRef {
  readonly date: string;
  /** Commit, or "" where none is known. */
  readonly sourceSha: string;
}

/** A lasting change in one series. */
interface Suspicion {
  readonly series: Series;
  readonly change: "worse" | "better";
  /** Medians over the nights on its two sides, in the column's unit. */
  readonly before: number;
  readonly after: number;
  /** Of the change point. */
  readonly p: number;
  /** The nights that bracket it. */
  readonly lastBefore: NightRef;
  readonly firstAfter: NightRef;
}

/** Medians of two sides, and how likely they are the same. */
export interface Evidence {
  readonly a: number;
  readonly b: number;
  readonly p: number;
  readonly differs: boolean;
}

export interface Finding extends Suspicion {
  readonly cause: "code" | "environment" | "chance";
  /** The baseline and the newest, measured in one sweep. */
  readonly besideBaseline?: Evidence;
  /** The baseline's own past, and the baseline now. */
  readonly baselineItself?: Evidence;
}

/** A confirmed loss that is not made up for yet. */
export interface Regression extends Finding {
  readonly baseline: Baseline;
  /** The newest night on which it was measured beside the baseline: what it is to recover from. */
  readonly checkedOn: string;
}

export interface NightVerdict {
  readonly findings: readonly Finding[];
  /** Open at the night's end, the oldest first. */
  readonly regressions: readonly Regression[];
  readonly recovered: readonly Regression[];
  /** What was measured again, and beside what; absent where nothing was in doubt. */
  readonly confirmation?: { readonly sweepId: string; readonly baseline: Baseline };
  /** Why a suspicion could not be confirmed; the next night tries again. */
  readonly undecided?: string;
}

/** What a night leaves to be measured again. */
export interface Doubt {
  readonly suspicions: readonly Suspicion[];
  /** Regressions that may be over. */
  readonly recoveries: readonly Regression[];
  /** Absent only where nothing is in doubt. */
  readonly baseline?: Baseline;
}

type Rules = Pick<Nightly, "baseline" | "significance" | "least" | "spec">;

/**
 * @param nights - By date, the newest last, which has no verdict yet.
 */
export function doubtsOf(rules: Rules, nights: readonly MeasuredNight[]): Doubt {
  const era = currentEra(nights);
  const open = openRegressions(nights);
  const newest = nights.at(-1);
  if (newest === undefined || era.nights.at(-1) !== newest) return { suspicions: [], recoveries: [] };
  const suspicions = seriesOf(era.nights)
    .flatMap((series) => suspect(rules, series, era))
    .filter((suspicion) => !isKnown(suspicion, era) && !isRecovery(suspicion, open));
  const recoveries = open.filter((regression) => mayBeOver(regression, newest, era));
  // What an open regression is held against stays as it was, whatever series begins meanwhile.
  const baseline = open[0]?.baseline ?? baselineOf(rules.baseline, era);
  return { suspicions, recoveries, ...(baseline !== undefined && { baseline }) };
}

export const isInDoubt = ({ suspicions, recoveries }: Doubt): boolean => suspicions.length + recoveries.length > 0;

/** Those of the newest verdict there is. */
export const openRegressions = (nights: readonly MeasuredNight[]): readonly Regression[] =>
  nights.findLast(({ verdict }) => verdict !== undefined)?.verdict?.regressions ?? [];

/** Of the baselines that the next night may be held against. */
export function imagesKept(nights: readonly MeasuredNight[]): string[] {
  const frozen = baselineOf({ kind: "first-nights" }, currentEra(nights));
  const baselines = [frozen, ...openRegressions(nights).map(({ baseline }) => baseline)];
  return [...new Set(baselines.flatMap((baseline) => Object.values(baseline?.images ?? {})))];
}

/** The nights from a confirmed loss until none is open any more. */
export interface Episode {
  readonly since: string;
  /** All that was lost in it, as they were last known, the oldest first. */
  readonly regressions: readonly Regression[];
  /** Absent while some are open. */
  readonly over?: NightRef;
}

/** @returns The newest there was; `undefined` where nothing was ever lost. */
export function newestEpisode(nights: readonly MeasuredNight[]): Episode | undefined {
  const judged = nights.filter(({ verdict }) => verdict !== undefined);
  const last = judged.findLastIndex(isOpen);
  if (last < 0) return undefined;
  const first = judged.findLastIndex((night, i) => i < last && !isOpen(night)) + 1;
  const known = judged.slice(first, last + 1).flatMap(({ verdict }) => verdict?.regressions ?? []);
  const over = judged[last + 1];
  return {
    since: judged[first]?.date ?? "",
    regressions: [...new Map(known.map((one) => [seriesKey(one.series), one])).values()],
    ...(over !== undefined && { over: refOf(over) }),
  };
}

const isOpen = (night: MeasuredNight): boolean => (night.verdict?.regressions.length ?? 0) > 0;

function suspect({ significance, least, spec }: Rules, series: Series, era: Era): Suspicion[] {
  const values = valuesOf(series, era.nights.slice(-HISTORY_NIGHTS));
  const points = findChangePoints(
    values.map(({ value }) => value),
    { significance, seed: spec.seed },
  );
  const index = points.at(-1)?.index ?? 0;
  const [last, first] = [values[index - 1], values[index]];
  if (last === undefined || first === undefined || index < values.length - RECENT_NIGHTS) return [];
  const before = levelOf(values.slice(points.at(-2)?.index ?? 0, index));
  const after = levelOf(values.slice(index));
  if (Math.abs(after - before) < least[series.column]) return [];
  const p = points.at(-1)?.p ?? 1;
  const change = after > before ? "worse" : "better";
  return [{ series, change, before, after, p, lastBefore: refOf(last.night), firstAfter: refOf(first.night) }];
}

const levelOf = (values: readonly SeriesValue[]): number => median(values.map(({ value }) => value));

const refOf = ({ date, sourceSha }: MeasuredNight): NightRef => ({ date, sourceSha });

/** It was judged before; one that looked like chance gets a second look. */
function isKnown({ series, change, firstAfter }: Suspicion, { nights }: Era): boolean {
  const placeOf = (date: string) => nights.findIndex((night) => night.date === date);
  const isSame = (other: Suspicion, date: string) =>
    seriesKey(other.series) === seriesKey(series) &&
    placeOf(date) >= 0 &&
    Math.abs(placeOf(date) - placeOf(firstAfter.date)) <= SAME_CHANGE_NIGHTS;
  const judged = nights
    .flatMap(({ verdict }) => verdict?.findings ?? [])
    .filter((one) => one.change === change && isSame(one, one.firstAfter.date));
  const isRecovered = nights.some(({ date, verdict }) => verdict?.recovered.some((one) => isSame(one, date)));
  const isSettled = judged.some(({ cause }) => cause !== "chance") || judged.length >= CHANCES;
  return isSettled || (change === "better" && isRecovered);
}

const isRecovery = ({ series, change }: Suspicion, open: readonly Regression[]): boolean =>
  change === "better" && open.some((one) => seriesKey(one.series) === seriesKey(series));

/** More than half of the loss is made up for; or the environment is another one, and the old figures say nothing. */
function mayBeOver({ series, before, after, checkedOn }: Regression, newest: MeasuredNight, { nights }: Era): boolean {
  if ((nights[0]?.date ?? "") > checkedOn) return true;
  const value = valueOn(series, newest);
  return value !== undefined && value < (before + after) / 2;
}

/** What was measured again, with the arms by the names that their environments have in the nights. */
export interface Confirmation {
  readonly sweepId: string;
  readonly base: readonly RunRow[];
  readonly head: readonly RunRow[];
  /** Runs of the baseline's own image in earlier nights that can be compared. */
  readonly past: readonly { readonly date: string; readonly rows: readonly RunRow[] }[];
}

/** Nothing was in doubt. */
export const calmVerdict = (nights: readonly MeasuredNight[]): NightVerdict => ({
  findings: [],
  regressions: openRegressions(nights),
  recovered: [],
});

/** There was doubt, and nothing to settle it with. */
export const undecidedVerdict = (nights: readonly MeasuredNight[], why: string): NightVerdict => ({
  ...calmVerdict(nights),
  undecided: why,
});

/**
 * @param nights - As `doubtsOf` had them.
 * @param confirmation - A sweep of baseline and newest.
 */
export function settleDoubt(
  rules: Rules,
  nights: readonly MeasuredNight[],
  { suspicions, recoveries, baseline }: Doubt,
  confirmation: Confirmation,
): NightVerdict {
  if (baseline === undefined) throw new RangeError("a confirmation without a baseline");
  const today = nights.at(-1)?.date ?? "";
  const judge = judgeOf(rules, confirmation);
  const findings = suspicions.map((suspicion) => ({ ...suspicion, ...judge(suspicion) }));
  const losses = findings.filter(({ cause, change }) => cause === "code" && change === "worse");
  const checked = recoveries.map((regression) => ({ regression, now: judge(regression) }));
  const isOver = ({ now }: (typeof checked)[number]) => now.besideBaseline?.differs === false;
  const recovered = checked.filter(isOver).map(({ regression }) => regression);
  const stillThere = (regression: Regression): Regression => {
    const now = checked.find((one) => one.regression === regression)?.now.besideBaseline;
    return now === undefined ? regression : { ...regression, before: now.a, after: now.b, checkedOn: today };
  };
  const open = openRegressions(nights).filter((regression) => !recovered.includes(regression));
  return {
    findings,
    regressions: mergeLosses(
      open.map(stillThere),
      losses.map((finding) => Object.assign({ baseline, checkedOn: today }, finding)),
    ),
    recovered,
    confirmation: { sweepId: confirmation.sweepId, baseline },
  };
}

/** A series that got worse once more is one regression, since its first loss. */
function mergeLosses(open: readonly Regression[], losses: readonly Regression[]): Regression[] {
  const known = new Set(open.map(({ series }) => seriesKey(series)));
  return [...open, ...losses.filter(({ series }) => !known.has(seriesKey(series)))];
}

type Judged = Pick<Finding, "cause" | "besideBaseline" | "baselineItself">;

/**
 * The newest and the baseline ran interleaved, under the same environment: where they differ, it is the code. The
 * baseline's code never changes: where it differs from its own past, it is the environment.
 */
function judgeOf({ least, spec }: Rules, { base, head, past }: Confirmation) {
  return ({ series, change, firstAfter }: Suspicion): Judged => {
    const earlier = past.filter(({ date }) => date < firstAfter.date).flatMap(({ rows }) => rows);
    const evidence = (a: readonly RunRow[], b: readonly RunRow[]) => compare(series, change, a, b, least, spec.seed);
    const besideBaseline = evidence(base, head);
    const baselineItself = evidence(earlier, base);
    const cause = besideBaseline?.differs ? "code" : baselineItself?.differs ? "environment" : "chance";
    return { cause, ...(besideBaseline && { besideBaseline }), ...(baselineItself && { baselineItself }) };
  };
}

function compare(
  series: Series,
  change: Suspicion["change"],
  a: readonly RunRow[],
  b: readonly RunRow[],
  least: Readonly<Record<NightlyColumn, number>>,
  seed: number,
): Evidence | undefined {
  const isOfPoint = (row: RunRow) => FACTOR_COLUMNS.every((name) => row[name] === series.factors[name]);
  const [sideA, sideB] = [a, b].map((rows) => withLowerBounds(rows.filter(isOfPoint))) as [RunRow[], RunRow[]];
  const [point] = compareRuns({ a: sideA, b: sideB, seed }).points;
  const found: Difference | undefined = point?.differences.find(({ column }) => column === series.column);
  if (found === undefined) return undefined;
  const differs = found.change === change && Math.abs(found.difference) >= least[series.column];
  return { a: found.a.median, b: found.b.median, p: found.p, differs };
}
