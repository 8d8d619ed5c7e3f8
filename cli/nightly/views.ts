/** What `meshbench nightly` shows: schedules from Temporal, nights from the results store. */

import { withClient } from "#cli/client";
import { findSchedule, listSchedules, noSuchNightly, type ScheduledNightly } from "#cli/nightly/schedules";
import { listNights } from "#cli/results";
import { missedDates } from "#model/nightly-calendar";
import type { MeasuredNight } from "#model/nightly-history";
import type { NightlyView } from "#report/nightly";

/** @throws {InputError} Where there is neither a schedule of this name nor a night. */
export async function readNightly(name: string): Promise<NightlyView> {
  const nights = await nightsOf(name);
  return withClient(async (client) => {
    const scheduled = await findSchedule(client, name);
    if (scheduled !== undefined) return viewOf(scheduled, nights);
    if (nights.length === 0) throw await noSuchNightly(client, name);
    return { name, nights, missed: [] };
  });
}

/** All that have a schedule. */
export async function readNightlies(): Promise<NightlyView[]> {
  const nights = await listNights();
  const scheduled = await withClient(listSchedules);
  return scheduled.map((one) => {
    const own = nights.filter(({ nightly }) => nightly === one.nightly.name);
    return viewOf(one, own);
  });
}

async function nightsOf(name: string): Promise<MeasuredNight[]> {
  return (await listNights()).filter(({ nightly }) => nightly === name);
}

function viewOf(
  { nightly, isPaused, nextAt, createdAt }: ScheduledNightly,
  nights: readonly MeasuredNight[],
): NightlyView {
  const { name, specName, calendar, catchUpSec, least } = nightly;
  const measured = nights.map(({ date }) => date);
  const missed = missedDates(calendar, { since: createdAt, now: new Date(), catchUpSec, measured });
  const schedule = `${specName}, ${calendar.cron} ${calendar.timeZone}`;
  return { name, schedule, isPaused, least, nights, missed, ...(nextAt !== undefined && { nextAt }) };
}
