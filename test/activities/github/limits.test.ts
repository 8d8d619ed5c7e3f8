/** F51: GitHub that fails, forbids or limits delays what is said, and nothing is said twice. */

import type { Client } from "@temporalio/client";
import { ApplicationFailure, msToNumber } from "@temporalio/common";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createGithubActivities } from "#activities/github/github-activities";
import type { GithubActivities } from "#activities/index";
import type { ResultsStore } from "#activities/results/results-store";
import { openAppAt } from "#test/support/github/app-key";
import { GithubDouble } from "#test/support/github/github-double";
import { OutageClock } from "#test/support/github/github-outage";
import { sweepOn } from "#test/support/github/sweep-on-double";

const SECONDARY = { message: "You have exceeded a secondary rate limit. Please wait a few minutes." };
const STATUS = { status: 403, body: SECONDARY };

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

const emptyStore = { listRuns: () => [], findSweep: () => undefined } as unknown as ResultsStore;

/** On the clock of the test. */
const delay = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const currentContext = () => ({ heartbeat: () => {}, sleep: delay });

function activities() {
  const app = openAppAt(github);
  return createGithubActivities({ app, client: {} as Client, store: emptyStore, currentContext });
}

/** As Temporal has it attempted, by `githubActivities` of workflows/step-options.ts. @returns Of the last attempt, from 1. */
async function untilSaid(ours = activities()): Promise<number> {
  for (let attempt = 1, waitMs = 5000; ; attempt++, waitMs = Math.min(2 * waitMs, 120_000)) {
    try {
      await ours.concludeSweep({ sweep: sweep(), end: "cancelled" });
      return attempt;
    } catch (error) {
      if (error instanceof ApplicationFailure && error.nonRetryable === true) throw error;
      const named = error instanceof ApplicationFailure ? error.nextRetryDelay : undefined;
      await delay(named === undefined ? waitMs : msToNumber(named));
    }
  }
}

/** What another comment has us say, once `isTime`. */
async function sayAlso(ours: GithubActivities, isTime: () => boolean): Promise<void> {
  while (!isTime()) await delay(1000);
  const { request } = sweep();
  for (;;) {
    try {
      return await ours.answer({ request: { ...request, commentId: 2 }, text: "done" });
    } catch {
      await delay(5000);
    }
  }
}

function expectSaidOnce(): void {
  expect(github.ours("final")).toHaveLength(1);
  expect(github.checks).toHaveLength(1);
  expect(github.checks[0]?.status).toBe("completed");
}

/** Seconds from each of the named requests to the one after it. */
function waitsSec(requests: readonly { atMs: number }[]): number[] {
  return requests.slice(1).map(({ atMs }, i) => (atMs - (requests[i]?.atMs ?? 0)) / 1000);
}

const isFinalComment = (method: string, path: string): boolean => method === "POST" && path.endsWith("/7/comments");
const sentComments = () => clock.sent.filter(({ method, path }) => isFinalComment(method, path));

describe("while GitHub", () => {
  test("answers 502 for half an hour, the final comment waits, and comes once", async () => {
    const backAtMs = Date.now() + 30 * 60_000;
    github.disturb = () => (Date.now() < backAtMs ? { status: 502 } : undefined);
    const attempts = await clock.run(untilSaid());
    expectSaidOnce();
    expect(attempts).toBeGreaterThan(5);
    expect(clock.sent.length).toBeLessThan(200);
  });

  test("takes the comment but loses its answer, there is still one", async () => {
    let lost = 0;
    github.disturb = (method, path) => {
      if (!isFinalComment(method, path) || lost++ > 0) return undefined;
      github.comments.push({
        id: 5,
        issue: 7,
        body: "<!-- meshbench:final:pr-octo-mesh-7-1 -->",
        appId: github.appId,
        author: "meshbench[bot]",
        isBot: true,
        isMinimised: false,
      });
      return { status: 500 };
    };
    expect(await clock.run(untilSaid())).toBe(2);
    expectSaidOnce();
  });

  test("forbids with retry-after, nothing is asked again before", async () => {
    let left = 2;
    github.disturb = (method, path) =>
      isFinalComment(method, path) && left-- > 0 ? { ...STATUS, headers: { "retry-after": "90" } } : undefined;
    expect(await clock.run(untilSaid())).toBe(1);
    expectSaidOnce();
    expect(Math.min(...waitsSec(sentComments()))).toBeGreaterThanOrEqual(90);
  });

  test("forbids without saying for how long, it is left alone for a minute", async () => {
    let left = 1;
    github.disturb = (method, path) => (isFinalComment(method, path) && left-- > 0 ? STATUS : undefined);
    expect(await clock.run(untilSaid())).toBe(1);
    expectSaidOnce();
    expect(Math.min(...waitsSec(sentComments()))).toBeGreaterThanOrEqual(60);
  });

  test.for([
    ["a limit of its own", 403, "You have exceeded a secondary rate limit."],
    ["too many requests", 429, "Too many requests"],
  ] as const)(
    "forbids more for over half an hour, as %s, nobody asks it a thing before",
    async ([, status, message]) => {
      let untilMs = 0;
      github.disturb = (method, path) => {
        if (!isFinalComment(method, path) || untilMs > 0) return undefined;
        untilMs = Date.now() + 2000_000;
        return { status, headers: { "retry-after": "2000" }, body: { message } };
      };
      const ours = activities();
      await clock.run(Promise.all([untilSaid(ours), sayAlso(ours, () => untilMs > 0)]));
      expectSaidOnce();
      expect(github.ours("answer")).toHaveLength(1);
      const [forbidden] = sentComments();
      const later = clock.sent.filter(({ atMs }) => atMs > (forbidden?.atMs ?? 0));
      expect(Math.min(...later.map(({ atMs }) => atMs))).toBeGreaterThanOrEqual(untilMs);
    },
  );

  test("has no requests left for us, we wait for the reset that it names", async () => {
    let resetSec = 0;
    const body = { message: "API rate limit exceeded for installation ID 1." };
    github.disturb = (method, path) => {
      if (!isFinalComment(method, path) || resetSec > 0) return undefined;
      resetSec = Math.ceil(Date.now() / 1000) + 240;
      return { status: 403, headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(resetSec) }, body };
    };
    expect(await clock.run(untilSaid())).toBe(1);
    expectSaidOnce();
    expect(sentComments()[1]?.atMs).toBeGreaterThanOrEqual(resetSec * 1000);
  });
});

test("writes are a second apart, and not more", async () => {
  const ours = activities();
  const { request } = sweep();
  await clock.run(ours.react({ request, reaction: "eyes" })); // from here on there is a token
  await clock.run(
    Promise.all([
      ...[1, 2, 3].map((commentId) => ours.answer({ request: { ...request, commentId }, text: "done" })),
      ...(["eyes", "rocket"] as const).map((reaction) => ours.react({ request, reaction })),
    ]),
  );
  expect(clock.writes).toHaveLength(6);
  expect(Math.min(...waitsSec(clock.writes))).toBeGreaterThanOrEqual(1);
  expect(Math.max(...waitsSec(clock.writes))).toBeLessThan(1.1);
});
