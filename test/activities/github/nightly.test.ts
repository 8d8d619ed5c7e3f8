import type { Client } from "@temporalio/client";
import { Octokit } from "octokit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createGithubActivities } from "#activities/github/github-activities";
import { upsertIssue } from "#activities/github/issues";
import type { ResultsStore } from "#activities/results/results-store";
import { parseComment, type RunCommand } from "#model/comment-command";
import { LEAST_CHANGE } from "#model/nightly";
import type { Night } from "#model/nightly-history";
import { regressionIssue, type IssueText } from "#report/nightly";
import { liveThrough } from "#test/model/nightly-fixture";
import { openAppAt } from "#test/support/github/app-key";
import { GithubDouble, JOB_TOKEN } from "#test/support/github/github-double";

const OPEN = issueAfter(14);
const OVER = issueAfter(18);

/** Slower from the 10th night on, mended with the 16th. */
function issueAfter(nightCount: number): IssueText {
  const { nights } = liveThrough(nightCount, { code: (n) => (n >= 10 && n < 16 ? 2 : 0.5) });
  const issue = regressionIssue({ name: "paper", least: LEAST_CHANGE }, nights);
  if (issue === undefined) throw new Error("nothing was lost");
  return issue;
}

const currentContext = () => ({ heartbeat: () => {}, sleep: () => Promise.resolve() });

let github: GithubDouble;
beforeEach(async () => {
  github = await GithubDouble.start();
});
afterEach(() => github.stop());

/** Without the second between two writes that GitHub asks for. */
async function report(issue: IssueText): Promise<void> {
  const octokit = new Octokit({ baseUrl: github.url, auth: JOB_TOKEN, throttle: { enabled: false } });
  await upsertIssue(octokit, github.appId, github.repository, issue);
}

const writes = () => github.requests.filter(({ method, path }) => method !== "GET" && path.includes("/issues"));

test("is opened once, edited as nights go by, and closed when it is over", async () => {
  await report(OPEN);
  await report(OPEN);
  expect(github.issues).toMatchObject([{ state: "open", title: OPEN.title }]);
  expect(writes()).toHaveLength(1);
  await report({ ...OPEN, body: `${OPEN.body}\none more night` });
  expect(github.issues[0]?.body).toContain("one more night");
  await report(OVER);
  await report(OVER);
  expect(github.issues).toMatchObject([{ state: "closed", body: expect.stringContaining("Recovered") }]);
  expect(writes()).toHaveLength(3);
});

test("stays closed where a person has closed it", async () => {
  await report(OPEN);
  github.issues[0]!.state = "closed";
  await report({ ...OPEN, body: `${OPEN.body}\none more night` });
  expect(github.issues).toMatchObject([{ state: "closed" }]);
});

test("is not opened for what is over already", async () => {
  await report(OVER);
  expect(github.issues).toEqual([]);
});

test("is ours: the same mark in somebody else's issue counts for nothing", async () => {
  const body = `<!-- meshbench:${OPEN.key} -->`;
  github.issues.push({ number: 1, title: "mine", body, state: "open", labels: [] });
  await report(OPEN);
  expect(github.issues.map(({ title }) => title)).toEqual(["mine", OPEN.title]);
});

test("another regression is another issue", async () => {
  await report(OVER);
  await report(OPEN);
  await report({ ...OPEN, key: "nightly:paper:2027-01-01" });
  expect(github.issues).toHaveLength(2);
});

function activitiesOver(store: Partial<ResultsStore>) {
  const app = openAppAt(github);
  return createGithubActivities({ app, client: {} as Client, store: store as ResultsStore, currentContext });
}

test("the newest commit is that of the branch, or of the default one", async () => {
  github.newest.set("", "a".repeat(40)).set("next", "b".repeat(40));
  const activities = activitiesOver({ listNights: () => [] });
  const { repository } = github;
  expect(await activities.findNewestCommit({ repository })).toEqual({ sha: "a".repeat(40) });
  expect(await activities.findNewestCommit({ repository, branch: "next" })).toEqual({ sha: "b".repeat(40) });
  const asked = github.requests.length;
  await activities.reportNightly({ nightly: { name: "paper", least: LEAST_CHANGE }, repository });
  expect(github.requests).toHaveLength(asked);
});

describe("vs=nightly", () => {
  const HEAD = "e".repeat(40);
  const night = {
    nightly: "paper",
    date: "2026-11-02",
    sweepId: "n",
    sourceSha: "c".repeat(40),
    status: "DONE",
  } as const;
  const ofOurs = { ...night, repository: "octo/mesh" };
  const command = parseComment("/bench run quick vs=nightly") as RunCommand;

  async function pin(nights: readonly Night[]) {
    github.pulls.set(7, { number: 7, headSha: HEAD, baseSha: HEAD, mergeBaseSha: HEAD });
    const pullRequest = { repository: github.repository, number: 7 };
    const request = { pullRequest, commentId: 1, author: "ada", headSha: HEAD };
    const activities = activitiesOver({ listNightlies: () => ["paper"], listNights: () => [...nights] });
    return activities.pinCommits({ request, command });
  }

  test("holds the head against the commit of the newest night of the repository", async () => {
    const failed = { ...ofOurs, date: "2026-11-03", sourceSha: "d".repeat(40), status: "FAILED" } as const;
    const { arms } = await pin([{ ...ofOurs, date: "2026-11-01", sourceSha: "b".repeat(40) }, ofOurs, failed]);
    expect(arms).toEqual([
      { name: "base", sha: night.sourceSha },
      { name: "head", sha: HEAD },
    ]);
  });

  test("is refused where no night has measured it", async () => {
    const elsewhere = { ...night, repository: "octo/other" };
    await expect(pin([elsewhere, night])).rejects.toThrow("no night has measured octo/mesh yet");
  });
});
