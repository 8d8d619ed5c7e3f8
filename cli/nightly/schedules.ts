/** Nightlies as Temporal Schedules: a nightly is what its schedule starts its workflow with, and nothing else keeps it. */

import { ScheduleAlreadyRunning, ScheduleNotFoundError, ScheduleOverlapPolicy } from "@temporalio/client";
import type { Client, ScheduleHandle, ScheduleOptions } from "@temporalio/client";
import { InputError } from "#model/errors";
import { WORKFLOW_QUEUE } from "#model/ids";
import { NIGHTLY_FIRED_WORKFLOW, nightlyOfSchedule, nightlyScheduleId } from "#model/nightly";
import type { Nightly } from "#model/nightly";
import { suggest } from "#model/suggest";
import type { NightlyInput } from "#workflows/messages";

export interface ScheduledNightly {
  readonly nightly: Nightly;
  readonly isPaused: boolean;
  /** UTC, ISO 8601; absent where it will not fire again. */
  readonly nextAt?: string;
  /** When it was first applied. */
  readonly createdAt: Date;
}

function scheduleOptionsOf(nightly: Nightly): ScheduleOptions {
  const { name, calendar, catchUpSec } = nightly;
  return {
    scheduleId: nightlyScheduleId(name),
    spec: { cronExpressions: [calendar.cron], timezone: calendar.timeZone },
    // A night that has not ended lets the next one go by, which is then missed, and reported.
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: catchUpSec * 1000 },
    action: {
      type: "startWorkflow",
      workflowType: NIGHTLY_FIRED_WORKFLOW,
      workflowId: `nightly-fired-${name}`,
      taskQueue: WORKFLOW_QUEUE,
      args: [{ nightly } satisfies NightlyInput],
    },
  };
}

/** Makes the schedule, or brings it up to date; one that is paused stays paused. */
export async function applySchedule(client: Client, nightly: Nightly): Promise<"made" | "changed"> {
  const options = scheduleOptionsOf(nightly);
  try {
    await client.schedule.create(options);
    return "made";
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    const { spec, policies, action } = options;
    await client.schedule
      .getHandle(options.scheduleId)
      .update((existing) => ({ ...existing, spec, ...(policies && { policies }), action }));
    return "changed";
  }
}

/** By name. */
export async function listSchedules(client: Client): Promise<ScheduledNightly[]> {
  const found: ScheduledNightly[] = [];
  for await (const { scheduleId } of client.schedule.list()) {
    if (nightlyOfSchedule(scheduleId) === undefined) continue;
    const scheduled = await describe(client.schedule.getHandle(scheduleId));
    if (scheduled !== undefined) found.push(scheduled);
  }
  return found.sort((a, b) => (a.nightly.name < b.nightly.name ? -1 : 1));
}

/** @returns `undefined` where there is none of this name, or none any more. */
export const findSchedule = (client: Client, name: string): Promise<ScheduledNightly | undefined> =>
  describe(client.schedule.getHandle(nightlyScheduleId(name)));

/** @throws {InputError} Where there is none of this name. */
export async function deleteSchedule(client: Client, name: string): Promise<void> {
  if ((await findSchedule(client, name)) === undefined) throw await noSuchNightly(client, name);
  await client.schedule.getHandle(nightlyScheduleId(name)).delete();
}

export async function noSuchNightly(client: Client, name: string): Promise<InputError> {
  const names = (await listSchedules(client)).map(({ nightly }) => nightly.name);
  const hint =
    suggest(name, names) ?? (names.length === 0 ? "meshbench nightly apply FILE makes one" : names.join(", "));
  return new InputError([{ field: "NAME", value: name, rule: "no such nightly", hint }]);
}

async function describe(handle: ScheduleHandle): Promise<ScheduledNightly | undefined> {
  try {
    const { action, info, state } = await handle.describe();
    const [input] = (action.args ?? []) as [NightlyInput];
    const next = info.nextActionTimes[0]?.toISOString();
    return {
      nightly: input.nightly,
      isPaused: state.paused,
      createdAt: info.createdAt,
      ...(next !== undefined && { nextAt: next }),
    };
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return undefined;
    throw error;
  }
}
