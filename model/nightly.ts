/** A sweep that is measured every night: what its operator asked for, and what its nights are called. */

import type { ComparedColumn } from "#model/comparison";
import type { RepositoryRef } from "#model/pull-request";
import type { Spec } from "#model/spec";

/** What a night's verdict rests on, the same as a pull request's; of each, less is better. */
export const NIGHTLY_COLUMNS = ["deviation_pct", "lateness_remote_p99_ms"] as const satisfies ComparedColumn[];
export type NightlyColumn = (typeof NIGHTLY_COLUMNS)[number];

/** Unless a nightly says otherwise: less is within what a machine does by itself from night to night. */
export const LEAST_CHANGE: Nightly["least"] = { deviation_pct: 0.1, lateness_remote_p99_ms: 1 };

export interface Nightly {
  readonly name: string;
  /** As it stood in the file. */
  readonly specName: string;
  /** Checked, with `set` and `env` applied. */
  readonly spec: Spec;
  readonly calendar: Calendar;
  /** A night that could not begin in time begins this much later at most. */
  readonly catchUpSec: number;
  /** Whose newest commit is measured, and where a regression is reported; absent: the installed version is measured. */
  readonly repository?: RepositoryRef;
  /** Absent: the repository's default branch. */
  readonly branch?: string;
  readonly baseline: BaselineRule;
  /** A change is suspected where the change point's p is not above. */
  readonly significance: number;
  /** Smaller changes are left alone, in the column's own unit. */
  readonly least: Readonly<Record<NightlyColumn, number>>;
}

export interface Calendar {
  /** Five fields, as `readCron` takes them. */
  readonly cron: string;
  /** IANA, such as `Europe/Lisbon`: it also decides which date a night has. */
  readonly timeZone: string;
}

/**
 * What the newest night is held against when a change is suspected. `first-nights`: what the first night of the present
 * series ran, or the first after a confirmed improvement, so that the gain cannot be lost again unseen.
 */
export type BaselineRule =
  | { readonly kind: "first-nights" }
  | { readonly kind: "commit"; readonly sha: string }
  | { readonly kind: "image"; readonly image: string };

const SCHEDULE_PREFIX = "meshbench-nightly-";
export const nightlyScheduleId = (name: string): string => `${SCHEDULE_PREFIX}${name}`;
/** @returns `undefined` for a schedule that is no nightly's. */
export const nightlyOfSchedule = (scheduleId: string): string | undefined =>
  scheduleId.startsWith(SCHEDULE_PREFIX) ? scheduleId.slice(SCHEDULE_PREFIX.length) : undefined;

/** One date, one workflow: the server refuses the second, whoever starts it. */
export const nightWorkflowId = (name: string, date: string): string => `nightly-${name}-${date}`;
/** The same for every attempt at the night. */
export const nightSweepId = (name: string, date: string): string => `nightly-${name}-${date}`;
/** Of what is measured again when a change is suspected. */
export const confirmationSweepId = (name: string, date: string): string => `nightly-${name}-${date}-again`;

/** The wire name, as the workflow is exported. */
export const NIGHTLY_FIRED_WORKFLOW = "nightlyFiredWorkflow";
