/** The file that describes a nightly: anything in, checked settings or all its mistakes out. */

import { z } from "zod";
import { InputError, type InputIssue } from "#model/errors";
import { formatPath, valueAt } from "#model/field-path";
import { choice, decimal, duration, nameText } from "#model/field-rules";
import { makeInert } from "#model/inert-input";
import { LEAST_CHANGE, type BaselineRule, type Nightly } from "#model/nightly";
import { readCron, shortestGapSec, TIME_ZONES, timesOf } from "#model/nightly-calendar";
import type { Plan } from "#model/plan";
import { withArms } from "#model/pull-request";
import { joinParts, suggest } from "#model/suggest";
import { formatDuration } from "#model/units";

/** What the file says, but for the spec it names. */
export interface NightlyFile extends Omit<Nightly, "spec"> {
  readonly set: readonly string[];
  /** Only these environments; absent: all. */
  readonly env?: readonly string[];
}

/** Four beside four is the least at which the exact test can show a difference at all. */
const REPETITIONS_LEAST = 4;
const DAY_SEC = 24 * 3600;
const ONCE = 'once a day at most, such as "17 3 * * *"';

const COMMIT = /^[0-9a-f]{40}$/;
const IMAGE = /^(?:sha256:)?[0-9a-f]{64}$/;
const BASELINE_RULE = "first-nights, a commit (40 hex digits) or a local image id (64 hex digits)";

const text = (rule: string, pattern: RegExp) => z.string({ error: rule }).regex(pattern, rule);
const words = () => z.array(z.string({ error: "must be a word" }), { error: "must be a list of words" });

const SHAPE = z.strictObject(
  {
    version: z.literal(1, { error: "supports 1..1; set version: 1" }),
    name: nameText(),
    spec: text("required; a preset, or the path of a spec from this file", /^[^\0]{1,400}$/),
    set: words().prefault([]),
    env: words().optional(),
    cron: z.string({ error: `required; five fields in quotes, ${ONCE}` }).check(({ value, issues }) => {
      for (const problem of readCron(value).problems) {
        issues.push({ code: "custom", message: `${problem}; ${ONCE}`, input: value });
      }
    }),
    time_zone: z
      .string({ error: "required; an IANA time zone, such as Europe/Lisbon" })
      .refine((zone) => TIME_ZONES.includes(zone), {
        error: ({ input }) => joinParts("no such time zone", suggest(input, TIME_ZONES) ?? "such as Europe/Lisbon"),
      }),
    catch_up: duration({ minSec: 60, maxSec: 20 * 3600, allowed: "1m to 20h, before the next night" }).prefault("6h"),
    repository: text("owner/name, of a repository at GitHub", /^[A-Za-z0-9-]{1,39}\/[\w.-]{1,100}$/).optional(),
    branch: text("the name of a branch", /^[\w][\w./-]{0,199}$/).optional(),
    baseline: z
      .union([choice(["first-nights"]), text("", COMMIT), text("", IMAGE)], { error: BASELINE_RULE })
      .prefault("first-nights"),
    significance: decimal({ min: 0.001, max: 0.2 }).prefault(0.05),
    least: z
      .strictObject(
        {
          deviation_pct: decimal({ min: 0, max: 1000 }).prefault(LEAST_CHANGE.deviation_pct),
          lateness_remote_p99_ms: decimal({ min: 0, max: 60_000 }).prefault(LEAST_CHANGE.lateness_remote_p99_ms),
        },
        { error: "must be a map, such as { deviation_pct: 0.1 }" },
      )
      .prefault({}),
  },
  { error: "must be a map with version, name, spec, cron and time_zone" },
);

/**
 * @param input - What a YAML reader made of it; nothing about it is trusted.
 * @throws {InputError} With every mistake of it, each with its field.
 */
export function parseNightly(input: unknown): NightlyFile {
  const inert = makeInert(input);
  const parsed = SHAPE.safeParse(inert.value, { reportInput: false });
  const issues = [...inert.issues, ...(parsed.error?.issues ?? []).flatMap((issue) => toIssues(issue, inert.value))];
  if (!parsed.success || issues.length > 0) throw new InputError(issues);
  const { name, spec, set, env, cron, repository, branch, baseline, significance, least } = parsed.data;
  const needing = missingRepository(parsed.data);
  if (needing.length > 0) throw new InputError(needing);
  const [owner = "", repositoryName = ""] = repository?.split("/") ?? [];
  return {
    name,
    specName: spec,
    set,
    ...(env !== undefined && { env }),
    calendar: { cron: cron.trim().split(/\s+/).join(" "), timeZone: parsed.data.time_zone },
    catchUpSec: parsed.data.catch_up,
    ...(repository !== undefined && { repository: { owner, name: repositoryName } }),
    ...(branch !== undefined && { branch }),
    baseline: toBaseline(baseline),
    significance,
    least,
  };
}

function toBaseline(baseline: string): BaselineRule {
  if (baseline === "first-nights") return { kind: "first-nights" };
  return COMMIT.test(baseline) ? { kind: "commit", sha: baseline } : { kind: "image", image: baseline };
}

function missingRepository({ repository, branch, baseline }: z.output<typeof SHAPE>): InputIssue[] {
  if (repository !== undefined) return [];
  const [rule, hint] = ["needs a repository", "repository: owner/name says where commits come from"];
  return [
    ...(branch === undefined ? [] : [{ field: "branch", value: branch, rule, hint }]),
    ...(COMMIT.test(baseline) ? [{ field: "baseline", value: baseline, rule, hint }] : []),
  ];
}

function toIssues(issue: z.core.$ZodIssue, input: unknown): InputIssue[] {
  if (issue.code === "unrecognized_keys") {
    const known = Object.keys(issue.path.length === 0 ? SHAPE.shape : SHAPE.shape.least.unwrap().shape);
    return issue.keys.map((key) => ({
      field: formatPath([...issue.path, key]),
      value: valueAt(input, [...issue.path, key]),
      rule: "unknown key",
      hint: suggest(key, known) ?? `known: ${known.join(", ")}`,
    }));
  }
  const [rule = issue.message, ...hints] = issue.message.split("; ");
  const value = valueAt(input, issue.path);
  return [{ field: formatPath(issue.path), value, rule, ...(hints.length > 0 && { hint: hints.join("; ") }) }];
}

/**
 * What shows only beside the runs that it stands for.
 * @param plan - Of its spec.
 * @throws {InputError} Where a night would overlap the next, or where nothing could ever be confirmed.
 */
export function checkNightlyPlan(
  { calendar: { cron } }: Pick<Nightly, "calendar">,
  { spec, estimatedSec }: Plan,
): void {
  const times = timesOf({ cron });
  const [count, gapSec] = [times.minutesOfDay.length, shortestGapSec(times)];
  const issues: InputIssue[] = [];
  if (gapSec < estimatedSec) {
    const rule = `fires every ${formatDuration(gapSec)}, and a night takes about ${formatDuration(estimatedSec)} by the plan: it would overlap itself`;
    issues.push({ field: "cron", value: cron, rule, hint: gapSec < DAY_SEC ? ONCE : "measure fewer runs" });
  } else if (count > 1) {
    issues.push({ field: "cron", value: cron, rule: `fires ${count} times a day: a date has one night`, hint: ONCE });
  }
  if (spec.repetitions < REPETITIONS_LEAST) {
    const rule = `at least ${REPETITIONS_LEAST} for a nightly: fewer cannot confirm a change`;
    issues.push({
      field: "repetitions",
      value: spec.repetitions,
      rule,
      hint: `set: [repetitions=${REPETITIONS_LEAST}]`,
    });
  }
  if (issues.length > 0) throw new InputError(issues);
  withArms(spec, { base: {}, head: {} }); // refuses names that leave no room for an arm's
}

/** What a night and the confirmation of a change take together, where one follows. */
export const longestNightSec = ({ estimatedSec }: Pick<Plan, "estimatedSec">): number => 3 * estimatedSec;
