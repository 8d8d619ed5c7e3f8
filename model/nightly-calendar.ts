/** When the nights of a nightly are: cron fields, dates in a time zone, which are due and which were missed. */

import type { Calendar } from "#model/nightly";

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Of `min`, `min` + 1, … */
  readonly words?: readonly string[];
}

const FIELDS = [
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31 },
  {
    name: "month",
    min: 1,
    max: 12,
    words: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
  },
  { name: "day of week", min: 0, max: 6, words: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] },
] as const satisfies readonly Field[];

const MINUTES_A_DAY = 24 * 60;
const DAY_MS = 24 * 3600 * 1000;

/** When it fires, on which days. */
export interface CronTimes {
  /** Minutes since midnight, ascending. */
  readonly minutesOfDay: readonly number[];
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0 is Sunday. */
  readonly weekdays: ReadonlySet<number>;
}

/**
 * @param text - Five fields of numbers, names, `*`, ranges, lists and steps.
 * @returns What it means, or each thing that is wrong with it, with field and range.
 */
export function readCron(text: string): { readonly times?: CronTimes; readonly problems: readonly string[] } {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) {
    return { problems: [`must have five fields: ${FIELDS.map(({ name }) => name).join(", ")}`] };
  }
  const read = FIELDS.map((field, i) => readField(parts[i] ?? "", field));
  const problems = read.flatMap((one) => (typeof one === "string" ? [one] : []));
  if (problems.length > 0) return { problems };
  const [minutes, hours, days, months, weekdays] = read as Set<number>[] as [
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
    Set<number>,
  ];
  if (days.size < 31 && weekdays.size < 7) {
    // Some programs take either, others want both.
    return { problems: ["day of month and day of week: programs differ in what both together mean; give one"] };
  }
  const minutesOfDay = [...hours].flatMap((hour) => [...minutes].map((minute) => hour * 60 + minute));
  return { times: { minutesOfDay: minutesOfDay.sort((a, b) => a - b), days, months, weekdays }, problems: [] };
}

/** @returns The values, or what is wrong. */
function readField(text: string, field: Field): Set<number> | string {
  const values = new Set<number>();
  for (const part of text.split(",")) {
    const range = readRange(part, field);
    if (range === undefined) return `${field.name}: "${part}" is not in ${field.min}..${field.max}`;
    for (let value = range.first; value <= range.last; value += range.step) values.add(value);
  }
  return values;
}

function readRange(part: string, field: Field): { first: number; last: number; step: number } | undefined {
  const [, from = "", to, stepText] = /^(\*|\w{1,3})(?:-(\w{1,3}))?(?:\/(\d{1,2}))?$/.exec(part) ?? [];
  const step = stepText === undefined ? 1 : Number(stepText);
  if (step === 0 || (from === "*" && to !== undefined)) return undefined;
  const first = from === "*" ? field.min : readValue(from, field);
  const end = from === "*" || (to === undefined && stepText !== undefined) ? field.max : readValue(to ?? from, field);
  return first === undefined || end === undefined || end < first ? undefined : { first, last: end, step };
}

function readValue(text: string, { min, max, words = [] }: Field): number | undefined {
  const word = words.indexOf(text.toUpperCase());
  const value = word >= 0 ? min + word : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

/** The shortest time between two firings, in seconds: a day, where it fires once on its days. */
export function shortestGapSec({ minutesOfDay }: CronTimes): number {
  const gaps = minutesOfDay.map(
    (minute, i) => (minutesOfDay[i + 1] ?? MINUTES_A_DAY + (minutesOfDay[0] ?? 0)) - minute,
  );
  return Math.min(...gaps) * 60;
}

/** As in `supportedValuesOf`, where UTC itself is missing. */
export const TIME_ZONES: readonly string[] = ["UTC", ...Intl.supportedValuesOf("timeZone")];

export interface LocalTime {
  /** `YYYY-MM-DD`. */
  readonly date: string;
  readonly minuteOfDay: number;
}

/** What calendars and clocks show there. */
export function localTimeOf(at: Date, timeZone: string): LocalTime {
  const format = new Intl.DateTimeFormat("en-CA", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  });
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? "";
  return {
    date: `${part("year")}-${part("month")}-${part("day")}`,
    minuteOfDay: Number(part("hour")) * 60 + Number(part("minute")),
  };
}

/** The date that a night has which was to begin then. */
export const dateKeyOf = (at: Date, { timeZone }: Calendar): string => localTimeOf(at, timeZone).date;

/**
 * The nights whose time has come, in order.
 * @param from - The first date that counts.
 */
export function dueDates(calendar: Calendar, { from, now }: { from: string; now: Date }): string[] {
  const times = timesOf(calendar);
  const begin = times.minutesOfDay[0] ?? 0;
  const { date: today, minuteOfDay } = localTimeOf(now, calendar.timeZone);
  return datesOf(from, today).filter((date) => isNight(date, times) && (date < today || begin <= minuteOfDay));
}

/** The night that is to be begun if nobody has yet: its time has come, and is not past the catch-up window. */
export function dueNight(
  calendar: Calendar,
  { catchUpSec, now }: { catchUpSec: number; now: Date },
): string | undefined {
  const latest = new Date(now.getTime() - catchUpSec * 1000);
  const from = localTimeOf(latest, calendar.timeZone);
  const due = dueDates(calendar, { from: from.date, now }).at(-1);
  const begin = timesOf(calendar).minutesOfDay[0] ?? 0;
  return due === undefined || (due === from.date && begin < from.minuteOfDay) ? undefined : due;
}

/**
 * Nights that nobody measured, and that nobody will: those whose catch-up window is over.
 * @param since - When the nightly was made: what was due before is not missed.
 */
export function missedDates(
  calendar: Calendar,
  { since, now, catchUpSec, measured }: { since: Date; now: Date; catchUpSec: number; measured: readonly string[] },
): string[] {
  const first = localTimeOf(since, calendar.timeZone);
  const begin = timesOf(calendar).minutesOfDay[0] ?? 0;
  const isBefore = (date: string) => date === first.date && begin < first.minuteOfDay;
  const known = new Set([...measured, dueNight(calendar, { catchUpSec, now })]);
  return dueDates(calendar, { from: first.date, now }).filter((date) => !known.has(date) && !isBefore(date));
}

/** @throws {RangeError} Where it was not checked. */
export function timesOf({ cron }: Pick<Calendar, "cron">): CronTimes {
  const { times } = readCron(cron);
  if (times === undefined) throw new RangeError(`not a checked cron expression: ${cron}`);
  return times;
}

function isNight(date: string, { days, months, weekdays }: CronTimes): boolean {
  const day = new Date(`${date}T00:00:00Z`);
  return months.has(day.getUTCMonth() + 1) && days.has(day.getUTCDate()) && weekdays.has(day.getUTCDay());
}

function datesOf(first: string, last: string): string[] {
  const [start, end] = [first, last].map((date) => Date.parse(`${date}T00:00:00Z`)) as [number, number];
  return Array.from({ length: Math.max(0, (end - start) / DAY_MS + 1) }, (_, i) =>
    new Date(start + i * DAY_MS).toISOString().slice(0, 10),
  );
}
