/** What GitHub shows of a sweep, what of it GitHub may refuse, and how often GitHub is asked for that. */

import { WorkflowNotFoundError, type Client } from "@temporalio/client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createGithubActivities } from "#activities/github/github-activities";
import { SweepDisplay } from "#activities/github/sweep-display";
import type { ResultsStore } from "#activities/results/results-store";
import { newHostQueue } from "#model/host-queue";
import { openAppAt } from "#test/support/github/app-key";
import { failureOf } from "#test/support/failures";
import { GithubDouble } from "#test/support/github/github-double";
import { OutageClock } from "#test/support/github/github-outage";
import { HEAD_SHA, sweepOn } from "#test/support/github/sweep-on-double";

const SWEEP_ID = "pr-octo-mesh-7-1";
const HOST = "lab";

vi.setConfig({ testTimeout: 20_000 }); // a machine under load

let github: GithubDouble;
let clock: OutageClock;

beforeEach(async () => {
  github = await GithubDouble.start();
  clock = new OutageClock();
});

afterEach(async () => {
  clock[Symbol.dispose]();
  await github.stop();
});

const sweep = () => sweepOn(github);

/** Ten minutes in line, the estimate shorter at every look; then four runs of two minutes each. */
const QUEUED_SEC = 600;
const RUN_SEC = 120;
const RUNS = 4;

class SweepOfClock {
  #beganAtMs = 0;

  get client(): Client {
    return { workflow: { getHandle: (id: string) => this.#handle(id) } } as unknown as Client;
  }

  /** With the first look at it. */
  get #sec(): number {
    this.#beganAtMs ||= Date.now();
    return (Date.now() - this.#beganAtMs) / 1000;
  }

  get #runsDone(): number {
    return Math.max(0, Math.floor((this.#sec - QUEUED_SEC) / RUN_SEC));
  }

  #handle(workflowId: string) {
    return {
      describe: async () => ({ status: { name: this.#runsDone < RUNS ? "RUNNING" : "COMPLETED" } }),
      query: async () => (workflowId === `host-${HOST}` ? this.#queue() : this.#progress()),
    };
  }

  #progress() {
    const runsDone = this.#runsDone;
    const secLeft = RUN_SEC * (RUNS - runsDone);
    return { runsPlanned: RUNS, runsDone, isPaused: false, secLeft, statusCounts: { VALID: runsDone } };
  }

  /** Another sweep has the host until our turn. */
  #queue() {
    if (this.#sec >= QUEUED_SEC) throw new WorkflowNotFoundError("free", `host-${HOST}`, undefined);
    const since = new Date(this.#beganAtMs).toISOString();
    const other = { owner: "sweep-other", holder: "run-other", since, estimatedSec: QUEUED_SEC };
    const place = { owner: `sweep-${SWEEP_ID}`, priority: 0, arrivedAt: since, ticket: 1, laterSec: 0 };
    return { ...newHostQueue(HOST, since), now: { state: "leased", ...other }, line: [place] };
  }
}

const emptyStore = { listRuns: () => [], findSweep: () => undefined } as unknown as ResultsStore;
/** On the clock of the test. */
const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const activities = (client = {} as Client) =>
  createGithubActivities({
    app: openAppAt(github),
    client,
    store: emptyStore,
    currentContext: () => ({ heartbeat: () => {}, sleep: delay }),
  });

const conclude = () => clock.run(activities().concludeSweep({ sweep: sweep(), end: "cancelled" }));

/** Signing for it takes real time, in which the clock runs ahead. */
async function activitiesWithToken() {
  const ours = activities(new SweepOfClock().client);
  await clock.run(ours.react({ request: sweep().request, reaction: "eyes" }));
  return ours;
}

test("the check leads to the job that queued it", async () => {
  const jobUrl = "https://github.com/octo/mesh/actions/runs/77";
  const request = { ...sweep().request, jobUrl };
  await clock.run(activities().concludeSweep({ sweep: { ...sweep(), request }, end: "cancelled" }));
  expect(github.checks.map(({ detailsUrl }) => detailsUrl)).toEqual([jobUrl]);
});

describe("of a sweep that waits, measures and ends", () => {
  test("all is shown, with few requests", async () => {
    const ours = await activitiesWithToken();
    const { end } = await clock.run(ours.followSweep({ sweep: sweep(), hosts: [HOST] }));
    await clock.run(ours.concludeSweep({ sweep: sweep(), end }));
    expect(github.ours("status")).toMatchObject([{ isMinimised: true, body: expect.stringContaining("3 of 4 runs") }]);
    expect(github.ours("final")).toHaveLength(1);
    expect(github.checks).toMatchObject([{ status: "completed" }]);
    // The token and a reaction; check and comment, ten times in line and four times after it; finding both, twice; the end.
    expect(github.requests.length).toBeLessThanOrEqual(3 + 2 * 14 + 4 + 3);
  });

  test("the comment comes back where somebody has deleted it", async () => {
    const ours = await activitiesWithToken();
    let hasDeleted = false;
    github.disturb = (method, path) => {
      if (method !== "PATCH" || !path.includes("/issues/comments/") || hasDeleted) return undefined;
      hasDeleted = true;
      github.comments.length = 0;
      return undefined;
    };
    await clock.run(ours.followSweep({ sweep: sweep(), hosts: [HOST] }));
    expect(github.requests.some(({ status }) => status === 404)).toBe(true);
    expect(github.ours("status")).toHaveLength(1);
  });
});

const isComment = (method: string, path: string): boolean => method !== "GET" && path.includes("/comments");
const isCheck = (method: string, path: string): boolean => method !== "GET" && path.includes("/check-runs");
const LOCKED = { status: 403, body: { message: "Unable to create comment because issue is locked." } };

describe("where GitHub refuses", () => {
  test("comments, since the conversation is locked, the check is opened and concluded", async () => {
    github.disturb = (method, path) => (isComment(method, path) ? LOCKED : undefined);
    const ours = activities(new SweepOfClock().client);
    await clock.run(ours.followSweep({ sweep: sweep(), hosts: [HOST] }));
    expect(github.checks).toMatchObject([{ status: "in_progress" }]);
    await conclude();
    expect(github.checks).toMatchObject([{ conclusion: "cancelled" }]);
    expect(github.comments).toEqual([]);
  });

  test("the check, the comment says how it ended", async () => {
    github.disturb = (method, path) => (isCheck(method, path) ? { status: 422 } : undefined);
    await conclude();
    expect(github.ours("final")).toHaveLength(1);
  });

  test("both, that is final, and no reason to ask again", async () => {
    github.disturb = (method, path) => (isCheck(method, path) || isComment(method, path) ? LOCKED : undefined);
    expect(await clock.run(failureOf(activities().concludeSweep({ sweep: sweep(), end: "done" })))).toMatchObject({
      kind: "github refused",
      nonRetryable: true,
      message: "POST /repos/octo/mesh/check-runs: 403 Unable to create comment because issue is locked.",
    });
  });

  test("to fold the status comment, nothing is lost", async () => {
    github.disturb = (_, path) =>
      path === "/graphql" ? { status: 200, body: { errors: [{ type: "FORBIDDEN", message: "no" }] } } : undefined;
    await clock.run(new SweepDisplay(openAppAt(github), sweep()).showProgress("under way"));
    await conclude();
    expect(github.ours("final")).toHaveLength(1);
  });

  test.each([404, 410, 422])("a reaction with %d, that is final", async (status) => {
    github.disturb = (_, path) => (path.endsWith("/reactions") ? { status } : undefined);
    const { request } = sweep();
    expect(await clock.run(failureOf(activities().react({ request, reaction: "rocket" })))).toMatchObject({
      kind: "github refused",
      nonRetryable: true,
    });
  });
});

test("a sweep that is resumed is shown as under way again, and its next verdict is another comment and check", async () => {
  const display = () => new SweepDisplay(openAppAt(github), sweep());
  await clock.run(display().showProgress("0 of 4 runs"));
  await conclude();
  await clock.run(display().showProgress("1 of 4 runs"));
  expect(github.ours("status")).toMatchObject([{ isMinimised: false, body: expect.stringContaining("1 of 4") }]);
  expect(github.ours("past-final")).toMatchObject([{ isMinimised: true }]);
  expect(github.checks).toMatchObject([{ conclusion: "cancelled" }, { status: "in_progress", conclusion: null }]);

  await clock.run(display().showProgress("2 of 4 runs")); // by another worker
  await conclude();
  await conclude();
  expect(github.ours("status")).toMatchObject([{ isMinimised: true }]);
  expect(github.ours("final")).toMatchObject([{ isMinimised: false }]);
  expect(github.checks).toMatchObject([{ conclusion: "cancelled" }, { conclusion: "cancelled" }]);
});

test("a commit that is not there is named", async () => {
  const { repository } = github;
  expect(await clock.run(failureOf(activities().fetchSource({ repository, sha: HEAD_SHA })))).toMatchObject({
    kind: "github refused",
    message: `octo/mesh has no commit ${HEAD_SHA}`,
    nonRetryable: true,
  });
});

test("a sweep that cannot be reported has its check closed, with why", async () => {
  await clock.run(activities().closeCheck({ sweep: sweep(), end: "done", why: "bug: x is not a function" }));
  expect(github.checks).toMatchObject([
    { conclusion: "neutral", output: { summary: expect.stringContaining("bug: x is not a function") } },
  ]);
});
