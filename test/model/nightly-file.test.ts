import { describe, expect, test } from "vitest";
import { InputError } from "#model/errors";
import { checkNightlyPlan, parseNightly } from "#model/nightly-file";
import { samplePlan, sampleEnvironment } from "#test/support/sample-plan";

const FILE = { version: 1, name: "paper", spec: "quick", cron: "17 3 * * *", time_zone: "Europe/Lisbon" };

test("a file of what is needed gets the rest by default", () => {
  expect(parseNightly(FILE)).toEqual({
    name: "paper",
    specName: "quick",
    set: [],
    calendar: { cron: "17 3 * * *", timeZone: "Europe/Lisbon" },
    catchUpSec: 21_600,
    baseline: { kind: "first-nights" },
    significance: 0.05,
    least: { deviation_pct: 0.1, lateness_remote_p99_ms: 1 },
  });
});

const baselineOf = (baseline: string) => parseNightly({ ...FILE, repository: "octo/mesh", baseline }).baseline;

test("a baseline is a commit, an image, or what the first nights ran", () => {
  expect(baselineOf("a".repeat(40))).toEqual({ kind: "commit", sha: "a".repeat(40) });
  expect(baselineOf(`sha256:${"b".repeat(64)}`)).toEqual({ kind: "image", image: `sha256:${"b".repeat(64)}` });
});

const linesOf = (work: () => unknown): string[] => {
  try {
    work();
  } catch (error) {
    if (error instanceof InputError) return error.message.split("\n");
    throw error;
  }
  return [];
};

describe("refused, with field, value and rule:", () => {
  test.for([
    [{ cron: "61 * * * *" }, 'error: cron: got "61 * * * *"; minute: "61" is not in 0..59; once a day at most'],
    [
      { time_zone: "Europe/Lisbn" },
      'error: time_zone: got "Europe/Lisbn"; no such time zone; did you mean Europe/Lisbon',
    ],
    [{ time_zone: "+01:00" }, "no such time zone"],
    [{ catch_up: "21h" }, 'error: catch_up: got "21h"; 1m to 20h'],
    [{ crn: "x" }, 'error: crn: got "x"; unknown key; did you mean cron'],
    [{ least: { deviation: 1 } }, "error: least.deviation: got 1; unknown key"],
    [{ repository: "octo" }, 'error: repository: got "octo"; owner/name'],
    [{ repository: "octo/../x" }, "error: repository"],
    [{ baseline: "a".repeat(40) }, "needs a repository"],
    [{ branch: "main" }, 'error: branch: got "main"; needs a repository'],
    [{ baseline: "yesterday" }, "first-nights, a commit (40 hex digits) or a local image id (64 hex digits)"],
    [{ significance: 0 }, "error: significance: got 0; must be a number 0.001..0.2"],
    [{ name: "../x" }, 'error: name: got "../x"'],
    [{ token: "abc" }, "value not echoed"],
    [{ set: "nodes=2" }, "must be a list of words"],
  ] as const)("%j", ([change, says]) => {
    expect(linesOf(() => parseNightly({ ...FILE, ...change })).join("\n")).toContain(says);
  });

  test("all mistakes at once", () => {
    expect(linesOf(() => parseNightly({ version: 2, name: "x" }))).toHaveLength(5);
    expect(linesOf(() => parseNightly("nightly"))).toEqual([expect.stringContaining("must be a map")]);
  });
});

const planOf = (estimatedSec: number) => ({ ...samplePlan({ repetitions: 6 }), estimatedSec });
const check = (cron: string, estimatedSec: number) =>
  linesOf(() => checkNightlyPlan({ calendar: { cron, timeZone: "UTC" } }, planOf(estimatedSec)));

describe("beside its plan", () => {
  test("every minute with nights of 2 h would overlap itself", () => {
    expect(check("* * * * *", 7200)).toEqual([
      'error: cron: got "* * * * *"; fires every 1m, and a night takes about 2h by the plan: it would overlap itself; once a day at most, such as "17 3 * * *"',
    ]);
  });

  test("a date has one night", () => {
    expect(check("0 3,15 * * *", 60)).toEqual([expect.stringContaining("fires 2 times a day: a date has one night")]);
    expect(check("0 3 * * *", 60)).toEqual([]);
  });

  test("a night longer than a day is refused", () => {
    expect(check("0 3 * * *", 90_000)).toEqual([expect.stringContaining("fires every 24h")]);
  });

  test("with fewer than four repetitions nothing could be confirmed", () => {
    const plan = samplePlan({ repetitions: 3 });
    expect(linesOf(() => checkNightlyPlan({ calendar: { cron: "0 3 * * *", timeZone: "UTC" } }, plan))).toEqual([
      expect.stringContaining("at least 4 for a nightly"),
    ]);
  });

  test("a name that leaves no room for the arms of a confirmation is refused", () => {
    const environments = [sampleEnvironment("here", { name: "e".repeat(30) })];
    const plan = samplePlan({ repetitions: 6, environments });
    expect(linesOf(() => checkNightlyPlan({ calendar: { cron: "0 3 * * *", timeZone: "UTC" } }, plan))).toHaveLength(1);
  });
});
