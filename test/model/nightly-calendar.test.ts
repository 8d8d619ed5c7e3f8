import { describe, expect, test } from "vitest";
import type { Calendar } from "#model/nightly";
import {
  dateKeyOf,
  dueDates,
  dueNight,
  localTimeOf,
  missedDates,
  readCron,
  shortestGapSec,
  timesOf,
} from "#model/nightly-calendar";

const NIGHTLY: Calendar = { cron: "17 3 * * *", timeZone: "Europe/Lisbon" };
const CATCH_UP_SEC = 6 * 3600;

describe("a cron expression", () => {
  test.for([
    ["61 * * * *", 'minute: "61" is not in 0..59'],
    ["0 24 * * *", 'hour: "24" is not in 0..23'],
    ["0 3 0 * *", 'day of month: "0" is not in 1..31'],
    ["0 3 * 13 *", 'month: "13" is not in 1..12'],
    ["0 3 * * 7", 'day of week: "7" is not in 0..6'],
    ["0 3 * * FUN", 'day of week: "FUN" is not in 0..6'],
    ["*/0 3 * * *", 'minute: "*/0" is not in 0..59'],
    ["0 5-3 * * *", 'hour: "5-3" is not in 0..23'],
    ["0 -3 * * *", 'hour: "-3" is not in 0..23'],
    ["0 3 * *", "must have five fields: minute, hour, day of month, month, day of week"],
    ["@daily", "must have five fields: minute, hour, day of month, month, day of week"],
    ["", "must have five fields: minute, hour, day of month, month, day of week"],
    ["0 3 1 * MON", "day of month and day of week: programs differ in what both together mean; give one"],
  ] as const)("%j is refused: %s", ([text, problem]) => {
    expect(readCron(text).problems).toEqual([problem]);
  });

  test("has all its mistakes told at once", () => {
    expect(readCron("61 25 * * *").problems).toHaveLength(2);
  });

  test.for([
    ["17 3 * * *", 86_400],
    ["* * * * *", 60],
    ["0 3,15 * * *", 43_200],
    ["0 22,4 * * *", 21_600],
  ] as const)("%s fires every %i seconds at the closest", ([text, sec]) => {
    expect(shortestGapSec(timesOf({ cron: text }))).toBe(sec);
  });

  test("takes names, ranges, lists and steps", () => {
    const times = timesOf({ cron: "0 3 * jan-MAR,12 mon-fri/2" });
    expect([...times.months]).toEqual([1, 2, 3, 12]);
    expect([...times.weekdays]).toEqual([1, 3, 5]);
  });
});

test("a night has the date of its own time zone", () => {
  const at = new Date("2026-11-23T23:30:00Z");
  expect(dateKeyOf(at, { ...NIGHTLY, timeZone: "Asia/Tokyo" })).toBe("2026-11-24");
  expect(dateKeyOf(at, { ...NIGHTLY, timeZone: "America/New_York" })).toBe("2026-11-23");
  expect(localTimeOf(at, "Asia/Kolkata")).toEqual({ date: "2026-11-24", minuteOfDay: 5 * 60 });
});

describe("nights that are due", () => {
  test("are those whose time has come, on days that match", () => {
    const weekdays = { ...NIGHTLY, cron: "17 3 * * MON-FRI" };
    const now = new Date("2026-11-23T03:16:00Z"); // a Monday, a minute before
    expect(dueDates(weekdays, { from: "2026-11-19", now })).toEqual(["2026-11-19", "2026-11-20"]);
    const then = new Date("2026-11-23T03:17:00Z");
    expect(dueDates(weekdays, { from: "2026-11-19", now: then })).toContain("2026-11-23");
  });

  test("are once each on the day that has an hour twice, and on the day that lacks one", () => {
    const calendar = { cron: "30 1 * * *", timeZone: "Europe/Lisbon" };
    const now = new Date("2026-10-25T12:00:00Z");
    expect(dueDates(calendar, { from: "2026-10-25", now })).toEqual(["2026-10-25"]);
    expect(dueDates(calendar, { from: "2026-03-29", now: new Date("2026-03-29T12:00:00Z") })).toEqual(["2026-03-29"]);
  });

  test.for([
    ["2026-11-23T03:16:00Z", undefined, "a minute early"],
    ["2026-11-23T03:17:00Z", "2026-11-23", "in time"],
    ["2026-11-23T09:17:00Z", "2026-11-23", "6 h late"],
    ["2026-11-23T09:18:00Z", undefined, "later than that"],
  ] as const)("at %s: %s, %s", ([now, due]) => {
    expect(dueNight(NIGHTLY, { catchUpSec: CATCH_UP_SEC, now: new Date(now) })).toBe(due);
  });

  test("may be of the day before, where the catch-up window reaches over midnight", () => {
    const late = { cron: "0 22 * * *", timeZone: "UTC" };
    expect(dueNight(late, { catchUpSec: CATCH_UP_SEC, now: new Date("2026-11-23T03:59:00Z") })).toBe("2026-11-22");
  });
});

test("missed nights are those that nobody measured, but not one that may still be caught up", () => {
  const measured = ["2026-11-19", "2026-11-21"];
  const since = new Date("2026-11-18T12:00:00Z"); // after that day's night
  const request = { since, catchUpSec: CATCH_UP_SEC, measured };
  const during = new Date("2026-11-23T05:00:00Z");
  expect(missedDates(NIGHTLY, { ...request, now: during })).toEqual(["2026-11-20", "2026-11-22"]);
  const after = new Date("2026-11-23T10:00:00Z");
  expect(missedDates(NIGHTLY, { ...request, now: after })).toEqual(["2026-11-20", "2026-11-22", "2026-11-23"]);
});
