/** The nights of a nightly as one history: which of them can be compared, and what each point's series looks like. */

import type { BaselineRule, NightlyColumn } from "#model/nightly";
import { NIGHTLY_COLUMNS } from "#model/nightly";
import type { NightVerdict } from "#model/nightly-verdict";
import {
  FACTOR_COLUMNS,
  summariseColumn,
  summarisePoints,
  withLowerBounds,
  type FactorColumn,
} from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import type { PreparedEnvironment } from "#model/run";
import type { Spec } from "#model/spec";

/** What is kept of a night; its figures are those of its sweep. */
export interface Night {
  readonly nightly: string;
  /** `YYYY-MM-DD`, in the nightly's time zone; one night each. */
  readonly date: string;
  readonly sweepId: string;
  /** Whose commit it is, as `owner/name`; absent where the installed version was measured. */
  readonly repository?: string;
  /** Commit that was measured, or "" where none is known. */
  readonly sourceSha: string;
  readonly status: "OPEN" | "DONE" | "FAILED" | "CANCELLED";
  /** Of one that failed: what went wrong. */
  readonly reason?: string;
  /** Once it is judged. */
  readonly verdict?: NightVerdict;
}

export type PointFactors = Readonly<Pick<RunRow, FactorColumn>>;

/** A night beside what its sweep found. */
export interface MeasuredNight extends Night {
  /** By environment: the digest of the node image it ran. */
  readonly images: Readonly<Record<string, string>>;
  /** What has to be equal for two nights to be compared: spec, and each environment's facts without those of its image. */
  readonly setting: Readonly<Record<string, string>>;
  readonly points: readonly MeasuredPoint[];
}

export interface MeasuredPoint {
  readonly factors: PointFactors;
  /** Absent where no run has a figure. */
  readonly medians: Readonly<Partial<Record<NightlyColumn, number>>>;
}

/** @param environments - As the sweep pinned them. */
export function measuredNight(
  night: Night,
  sweep: {
    readonly spec: Spec;
    readonly environments: readonly PreparedEnvironment[];
    readonly rows: readonly RunRow[];
  },
): MeasuredNight {
  const { spec, environments, rows } = sweep;
  return {
    ...night,
    images: Object.fromEntries(environments.map(({ name, imageDigest }) => [name, imageDigest])),
    setting: { spec: loadOf(spec), ...Object.assign({}, ...environments.map(factsBesideImage)) },
    points: summarisePoints(rows).map(({ factors, rows: runs }) => ({
      factors: Object.fromEntries(FACTOR_COLUMNS.map((column) => [column, factors[column]])) as PointFactors,
      medians: Object.fromEntries(NIGHTLY_COLUMNS.flatMap((column) => medianOf(runs, column))),
    })),
  };
}

function medianOf(rows: readonly RunRow[], column: NightlyColumn): [NightlyColumn, number][] {
  const summary = summariseColumn(withLowerBounds(rows), column);
  return summary === undefined ? [] : [[column, summary.median]];
}

/** What is measured, whatever runs it and however often. */
function loadOf({ environments, factors, warmupSec, seed, order, observe }: Spec): string {
  const places = environments.map(({ image: _, ...place }) => place);
  return JSON.stringify({ environments: places, factors, warmupSec, seed, order, observe });
}

/** An image is the code: that it changes from night to night is what is measured. */
function factsBesideImage({ name, isolation, facts }: PreparedEnvironment): Record<string, string> {
  const kept = Object.entries(facts).filter(([fact]) => !/^image(_|$)/.test(fact));
  return Object.fromEntries(
    [["isolation", isolation], ...kept].map(([fact, value]) => [`${name} ${fact}`, value ?? ""]),
  );
}

/** Nights that can be compared with the newest, in order. */
export interface Era {
  readonly nights: readonly MeasuredNight[];
  /** What is different from the nights before, a line each; nothing where there are none. */
  readonly because: readonly string[];
}

/**
 * A changed environment starts a new series, be it one that its facts show, or one that a confirmation has shown.
 * @param nights - By date.
 */
export function currentEra(nights: readonly MeasuredNight[]): Era {
  const measured = nights.filter(({ points }) => points.length > 0);
  const newest = measured.at(-1);
  if (newest === undefined) return { nights: [], because: [] };
  const moved = lastMove(nights);
  const isOfEra = (night: MeasuredNight): boolean =>
    (moved === undefined || night.date >= moved) && differences(night.setting, newest.setting).length === 0;
  const before = measured.findLastIndex((night) => !isOfEra(night));
  const era = measured.slice(before + 1);
  const last = measured[before];
  if (last === undefined) return { nights: era, because: [] };
  const changed = differences(last.setting, newest.setting);
  return { nights: era, because: changed.length > 0 ? changed : ["the baseline itself came out different"] };
}

/** Where a confirmation last found that the environment had changed. */
const lastMove = (nights: readonly MeasuredNight[]): string | undefined =>
  nights
    .flatMap(({ verdict }) => verdict?.findings ?? [])
    .filter(({ cause }) => cause === "environment")
    .map(({ firstAfter }) => firstAfter.date)
    .sort()
    .at(-1);

function differences(a: MeasuredNight["setting"], b: MeasuredNight["setting"]): string[] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  return names
    .filter((name) => a[name] !== b[name])
    .map((name) => (name === "spec" ? "the spec" : `${name}: ${a[name] ?? "–"} → ${b[name] ?? "–"}`));
}

/** One figure of one point, night after night. */
export interface Series {
  readonly factors: PointFactors;
  readonly column: NightlyColumn;
}

export interface SeriesValue {
  readonly night: MeasuredNight;
  readonly value: number;
}

export const seriesKey = ({ factors, column }: Series): string =>
  JSON.stringify([...FACTOR_COLUMNS.map((name) => factors[name]), column]);

/** Of the newest night's points, in their order. */
export const seriesOf = (nights: readonly MeasuredNight[]): Series[] =>
  (nights.at(-1)?.points ?? []).flatMap(({ factors }) => NIGHTLY_COLUMNS.map((column) => ({ factors, column })));

/** Nights without the figure are left out. */
export function valuesOf(series: Series, nights: readonly MeasuredNight[]): SeriesValue[] {
  return nights.flatMap((night) => {
    const value = valueOn(series, night);
    return value === undefined ? [] : [{ night, value }];
  });
}

export function valueOn({ factors, column }: Series, { points }: MeasuredNight): number | undefined {
  const isSame = (point: MeasuredPoint) => FACTOR_COLUMNS.every((name) => point.factors[name] === factors[name]);
  return points.find(isSame)?.medians[column];
}

/** What is measured again beside the newest night's own. */
export interface Baseline {
  /** In words: `first night 2026-11-02`. */
  readonly name: string;
  /** Commit, where one is known. */
  readonly sourceSha: string;
  /** By environment; absent where only the commit is known. */
  readonly images?: Readonly<Record<string, string>>;
}

/** @returns `undefined` where there is no night yet. */
export function baselineOf(rule: BaselineRule, era: Era): Baseline | undefined {
  const [first] = era.nights;
  if (first === undefined) return undefined;
  if (rule.kind === "commit") return { name: `commit ${rule.sha.slice(0, 12)}`, sourceSha: rule.sha };
  if (rule.kind === "image") {
    const images = Object.fromEntries(Object.keys(first.images).map((name) => [name, rule.image]));
    return { name: `image ${rule.image.replace("sha256:", "").slice(0, 12)}`, sourceSha: "", images };
  }
  const gained = lastGain(era);
  const night = gained ?? first;
  const name = gained === undefined ? `first night ${night.date}` : `first night of the gain ${night.date}`;
  return { name, sourceSha: night.sourceSha, images: night.images };
}

/** Of the nights that began a level which was confirmed as better, the newest. */
function lastGain({ nights }: Era): MeasuredNight | undefined {
  const findings = nights.flatMap(({ verdict }) => verdict?.findings ?? []);
  const gains = findings.filter(({ cause, change }) => cause === "code" && change === "better");
  return nights.findLast(({ date }) => gains.some(({ firstAfter }) => firstAfter.date === date));
}
