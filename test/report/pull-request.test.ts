import { describe, expect, test } from "vitest";
import { parseComment } from "#model/comment-command";
import type { SweepOnPullRequest } from "#model/pull-request";
import type { RunRow } from "#model/result-row";
import { prepareComparison } from "#report/comparison";
import {
  answerComment,
  checkOutcome,
  finalComment,
  statusComment,
  type FinishedSweep,
  type SweepState,
} from "#report/pull-request";
import { CONTAINERS, sweepFixture, withColumns } from "#test/report/fixture-rows";

const [HEAD, BASE] = ["a", "b"].map((digit) => digit.repeat(40)) as [string, string];

const SWEEP: SweepOnPullRequest = {
  request: {
    pullRequest: { repository: { owner: "octo", name: "mesh" }, number: 7 },
    commentId: 1,
    author: "ada",
    headSha: HEAD,
  },
  sweepId: "pr-octo-mesh-7-1",
  spec: "bench/small.yaml",
  arms: [
    { name: "base", sha: BASE },
    { name: "head", sha: HEAD },
  ],
};

/** One point's VALID runs, of one arm. */
function runsOf(arm: "base" | "head", deviations: readonly number[], columns: Partial<RunRow> = {}): RunRow[] {
  const { rows } = sweepFixture({
    environments: [CONTAINERS],
    modes: ["replicated"],
    nodes: [2],
    rates: [6000],
    repetitions: deviations.length,
    allValid: true,
  });
  return rows.map((row, i) => {
    const deviation = deviations[i] ?? 0;
    const figures = { deviation_pct: deviation, lateness_remote_p99_ms: 5 + deviation };
    return Object.assign({}, row, { run_id: `${row.run_id}-${arm}` }, figures, columns);
  });
}

const FAILED = {
  status: "FAILED",
  reason: "node failed: exit 1",
  deviation_pct: null,
  lateness_remote_p99_ms: null,
} as const satisfies Partial<RunRow>;
const CALM = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];

function finished(base: readonly RunRow[], head: readonly RunRow[]): FinishedSweep {
  const environments = [CONTAINERS];
  const sides = [
    { name: `base ${BASE.slice(0, 12)}`, rows: base, environments },
    { name: `head ${HEAD.slice(0, 12)}`, rows: head, environments },
  ] as const;
  return { end: "done", rows: [...base, ...head], summary: "", comparison: prepareComparison(...sides, 1) };
}

describe("the status comment", () => {
  const WAITING: SweepState = {
    runsPlanned: 16,
    runsDone: 4,
    isPaused: false,
    secLeft: 5415,
    statusCounts: { VALID: 4 },
    waiting: [{ host: "local", position: 2, inSec: 5415 }],
  };
  const looks = (sec: number) =>
    statusComment(SWEEP, { ...WAITING, secLeft: sec, waiting: [{ host: "local", position: 2, inSec: sec }] });

  test("says where the sweep stands, how far it is and about how long it takes", () => {
    const text = statusComment(SWEEP, WAITING);
    expect(text).toMatch(
      /^⏳ \*\*Queued\*\* `bench\/small.yaml` for @ada\n\n`█████░+` 4 of 16 runs, about 1h 30m left\n/,
    );
    expect(text).toContain("place 2 in the line of host `local`, starts in about 1h 30m\n");
    expect(text).toContain("so far: 4 VALID");
    expect(text).not.toContain("](");
  });

  test("has a link to the job that queued it", () => {
    const request = { ...SWEEP.request, jobUrl: "https://github.com/octo/mesh/actions/runs/77" };
    expect(statusComment({ ...SWEEP, request }, WAITING)).toContain(`, queued by [this job](${request.jobUrl})`);
  });

  test("changes every quarter of an hour while only time passes, and every minute only in the last ten", () => {
    const seconds = Array.from({ length: 4 * 3600 }, (_, i) => i);
    const changesIn = (from: number) => new Set(seconds.slice(from, from + 3600).map(looks)).size - 1;
    expect(changesIn(3600)).toBeLessThanOrEqual(5);
    expect(changesIn(0)).toBeLessThanOrEqual(20);
    expect(looks(20)).toContain("starts in about 1m");
    expect(looks(-20)).toContain("starts in about 1m");
  });
});

describe("the check", () => {
  const slower = CALM.map((value) => value + 1);

  test.each([
    ["failure", "head is worse", CALM, slower, /^head a+ is worse than base b+, over 1 point;/],
    ["success", "head is better", slower, CALM, /^head a+ is better than base b+, over 1 point;/],
    [
      "success",
      "a loss would have shown",
      CALM,
      CALM,
      /^No difference shown between head a+ and base b+ over 1 point;/,
    ],
    [
      "neutral",
      "two repetitions are too few",
      [0.1, 0.1],
      [900, 900],
      /^Undecided between head a+ and base b+: too few repetitions to show a difference at 1 of 1 point \(5 needed\);/,
    ],
  ])("is %s where %s, and says so", (conclusion, _, base, head, title) => {
    const outcome = checkOutcome(finished(runsOf("base", base), runsOf("head", head)));
    expect(outcome).toEqual({ conclusion, title: expect.stringMatching(title) as string });
  });

  test.each([
    ["fail", FAILED],
    ["hit their deadline", { status: "INVALID", reason: "deadline: 150 s passed in main" } as const],
  ])("is failure where the base's runs are VALID and the head's all %s", (_, columns) => {
    const ended = finished(runsOf("base", CALM), runsOf("head", CALM, columns));
    expect(checkOutcome(ended)).toEqual({
      conclusion: "failure",
      title: `head ${"a".repeat(12)} has no VALID run at 1 of 1 point where base ${"b".repeat(12)} has; 6 of 12 runs VALID`,
    });
    expect(finalComment(SWEEP, ended).match(/has no VALID run at/g)).toHaveLength(1);
    expect(finalComment(SWEEP, ended)).toMatch(/^## ❌ head a+ has no VALID run/);
    expect(finalComment(SWEEP, ended)).toMatch(/has no VALID run \(base b+: 6 VALID; head a+: 6 (FAILED|INVALID)\)/);
  });

  test("is neutral where the base's runs fail, or others disturb the head's", () => {
    const disturbed = withColumns(runsOf("head", CALM), { status: "SUSPECT", reason: "load burst: 30 %" });
    for (const [base, head] of [
      [runsOf("base", CALM, FAILED), runsOf("head", CALM)],
      [runsOf("base", CALM), disturbed],
    ] as const) {
      const { conclusion, title } = checkOutcome(finished(base, head));
      expect(conclusion).toBe("neutral");
      expect(title).toMatch(/^Undecided between head a+ and base b+: figures are missing at 1 of 1 point; 6 of 12/);
    }
  });

  test("is failure where nothing at all was proven, and where the sweep broke off", () => {
    const nothing = finished(runsOf("base", CALM, FAILED), runsOf("head", CALM, FAILED));
    expect(checkOutcome(nothing).conclusion).toBe("failure");
    expect(checkOutcome({ ...nothing, end: "failed", failure: "no worker" }).title).toBe("Broken off: no worker");
    expect(checkOutcome({ ...nothing, end: "cancelled" }).conclusion).toBe("cancelled");
  });

  test("is neutral where nothing was to be compared", () => {
    const rows = runsOf("head", CALM);
    expect(checkOutcome({ end: "done", rows, summary: "" })).toEqual({
      conclusion: "neutral",
      title: "Measured: 6 of 6 runs VALID",
    });
  });
});

describe("the final comment", () => {
  /** GitHub's own limits: of a comment in characters, of a check's summary in bytes, of its title in characters. */
  const LIMITS = { comment: 65_536, summaryBytes: 65_535, title: 255 };
  const mark = `\n\n<!-- meshbench:final:${SWEEP.sweepId} -->`;

  test("is taken by GitHub with 400 INVALID runs, has everything in it still and says what was cut", () => {
    const reason = "digest mismatch: node 3 has 19 999 of 20 000 tuples; the databases did not end as they must, again";
    const invalid = runsOf("head", Array<number>(400).fill(1), { status: "INVALID", reason });
    const text = finalComment(SWEEP, finished(runsOf("base", CALM), invalid));
    expect((text + mark).length).toBeLessThanOrEqual(LIMITS.comment);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(LIMITS.summaryBytes);
    expect(text).toContain("<summary>Runs</summary>");
    expect(text).toContain("<summary>Reproduce</summary>");
    expect(text.match(/<details>/g)).toHaveLength(text.match(/<\/details>/g)?.length ?? 0);
    expect(text).toMatch(/_Cut, since GitHub takes no more: \d+ lines of “Runs”; `meshbench report pr-octo-mesh-7-1`/);
  });

  test("keeps heading and title short, however much a failure has to say", () => {
    const ended = { ...finished([], []), end: "failed", failure: `no worker\n${"x_".repeat(500)}` } as const;
    expect(checkOutcome(ended).title.length).toBeLessThanOrEqual(LIMITS.title);
    expect(checkOutcome(ended).title).toContain("Broken off: no worker x_x_");
    expect(finalComment(SWEEP, ended)).toMatch(/^## ❌ Broken off: no worker x\\_x\\_/);
  });
});

const reproductionOf = (sweep: Partial<SweepOnPullRequest>) =>
  finalComment({ ...SWEEP, ...sweep }, finished(runsOf("base", CALM), runsOf("head", CALM))).split("Reproduce")[1] ??
  "";

const commandsOf = (sweep: Partial<SweepOnPullRequest>) =>
  /```sh\n([^]*?)\n```/.exec(reproductionOf(sweep))?.[1]?.split("\n");

describe("how to reproduce it", () => {
  const changes = { set: ["nodes=4", "rate=6000,60000"], env: ["containers"], environments: ["containers"] };
  test("is, for each arm, its image and a run of the head's spec with all that the comment changed", () => {
    const run = "npx meshbench run bench/small.yaml --set nodes=4 --set rate=6000,60000";
    expect(commandsOf({ changes })).toEqual([
      `git fetch origin ${BASE} ${HEAD}`,
      `git checkout ${HEAD}`,
      "npm ci",
      `git worktree add --detach ../base ${BASE}`,
      "base=$(node infra/node-image/build.ts --source ../base | cut -d' ' -f2)",
      `${run} --set environments.containers.image=$base --env containers`,
      `git worktree add --detach ../head ${HEAD}`,
      "head=$(node infra/node-image/build.ts --source ../head | cut -d' ' -f2)",
      `${run} --set environments.containers.image=$head --env containers`,
      "npx meshbench compare SWEEP_OF_BASE SWEEP_OF_HEAD",
    ]);
  });

  test("is one run of the image that the comment named", () => {
    const image = `octo/node@sha256:${"1".repeat(64)}`;
    const named = { set: [], environments: ["containers", "vms"], image };
    expect(commandsOf({ changes: named })?.slice(2)).toEqual([
      `npx meshbench run bench/small.yaml --set environments.containers.image=${image} --set environments.vms.image=${image}`,
    ]);
  });

  test("is a comment against the same base, which the grammar takes", () => {
    const comment = /`(\/bench run [^`]*)`/.exec(reproductionOf({ changes }))?.[1] ?? "";
    expect(parseComment(comment)).toEqual({
      verb: "run",
      spec: SWEEP.spec,
      set: changes.set,
      env: changes.env,
      versus: { kind: "sha", sha: BASE },
      priority: 0,
    });
  });

  test("is not guessed of a sweep that an older version began", () => {
    expect(reproductionOf({})).toContain("meshbench report pr-octo-mesh-7-1");
    expect(commandsOf({})).toBeUndefined();
  });
});

test("a long answer is cut at a line, and says so below its block of code", () => {
  const lines = Array.from({ length: 3000 }, (_, i) => `run ${i} ➜ VALID, a line of some length`);
  const text = answerComment("ada", lines.join("\n"));
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(65_000);
  expect(text).toMatch(/\n…\n```\n\n_Cut, since GitHub takes no more: \d+ lines\._$/);
});
