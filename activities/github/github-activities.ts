/** What workflows do at GitHub. Each may come twice, from two workers, and leaves one comment, one check. */

import type { Client } from "@temporalio/client";
import { withFailureBoundary } from "#activities/failure-boundary";
import { upsertCheck } from "#activities/github/check-run";
import { minimiseComment, upsertComment } from "#activities/github/comments";
import { heedAnswers } from "#activities/github/github-answers";
import { upsertIssue } from "#activities/github/issues";
import { readSourceArchive } from "#activities/github/source-archive";
import type { GithubApp } from "#activities/github/github-app";
import { readSweepEnd, readSweepState } from "#activities/github/sweep-outlook";
import type { GithubActivities } from "#activities/index";
import { readNights } from "#activities/results/nights";
import type { ResultsStore } from "#activities/results/results-store";
import { withHeartbeats } from "#activities/step";
import { BenchError } from "#model/errors";
import {
  armsOf,
  armEnvironment,
  fullNameOf,
  placeOf,
  type PullRequestRef,
  type RepositoryRef,
  type SweepOnPullRequest,
} from "#model/pull-request";
import type { Spec } from "#model/spec";
import { regressionIssue } from "#report/nightly";
import { prepareComparison, type ComparisonReport } from "#report/comparison";
import { answerComment, checkOutcome, finalComment, statusComment, type FinishedSweep } from "#report/pull-request";
import { formatSweepTable } from "#report/terminal-table";

export interface GithubDependencies {
  readonly app: GithubApp;
  readonly client: Client;
  readonly store: ResultsStore;
  /** The running activity's: Temporal's own outside of tests. */
  readonly currentContext: () => ActivityContext;
  /** How often a sweep is looked at; its comment changes no more often. */
  readonly watchEveryMs?: number;
}

/** The part of Temporal's activity context that is used here. */
interface ActivityContext {
  heartbeat(): void;
  sleep(ms: number): Promise<void>;
}

const WATCH_EVERY_MS = 15_000;

export function createGithubActivities(dependencies: GithubDependencies): GithubActivities {
  const { app, client, store, currentContext, watchEveryMs = WATCH_EVERY_MS } = dependencies;
  const beating = <T>(work: () => Promise<T>): Promise<T> => {
    const context = currentContext();
    return withHeartbeats(
      () => context.heartbeat(),
      () => withFailureBoundary({}, () => heedAnswers(app, work)),
    );
  };
  const octokitOf = ({ repository }: PullRequestRef) => app.forRepository(repository);

  async function writeComment(pullRequest: PullRequestRef, key: string, body: string): Promise<void> {
    await upsertComment(await octokitOf(pullRequest), app.appId, { pullRequest, key, body });
  }

  async function followSweep({ sweep, hosts }: Parameters<GithubActivities["followSweep"]>[0]) {
    const context = currentContext();
    let shown = "";
    for (;;) {
      const end = await readSweepEnd(client, sweep.sweepId);
      if (end !== undefined) return { end };
      const text = statusComment(sweep, await readSweepState(client, sweep.sweepId, hosts));
      if (text !== shown) await showProgress(sweep, text);
      shown = text;
      await context.sleep(watchEveryMs);
    }
  }

  async function showProgress(sweep: SweepOnPullRequest, text: string): Promise<void> {
    const { pullRequest } = sweep.request;
    await writeComment(pullRequest, statusKey(sweep), text);
    await upsertCheck(await octokitOf(pullRequest), checkOf(sweep), { title: "Under way", summary: text });
  }

  async function concludeSweep({ sweep, end, failure }: Parameters<GithubActivities["concludeSweep"]>[0]) {
    const { pullRequest } = sweep.request;
    const finished = await readFinished(store, sweep, { end, ...(failure !== undefined && { failure }) });
    const text = finalComment(sweep, finished);
    const { conclusion, title } = checkOutcome(finished);
    await writeComment(pullRequest, `final:${sweep.sweepId}`, text);
    const octokit = await octokitOf(pullRequest);
    await upsertCheck(octokit, checkOf(sweep), { title, summary: text }, conclusion);
    await minimiseComment(octokit, app.appId, { pullRequest, key: statusKey(sweep) });
    return { conclusion };
  }

  return {
    react: ({ request, reaction }) =>
      beating(async () => {
        const { pullRequest, commentId } = request;
        const octokit = await octokitOf(pullRequest);
        const place = { ...placeOf(pullRequest.repository), comment_id: commentId };
        await octokit.rest.reactions.createForIssueComment({ ...place, content: reaction });
      }),

    answer: ({ request, text }) =>
      beating(() =>
        writeComment(request.pullRequest, `answer:${request.commentId}`, answerComment(request.author, text)),
      ),

    pinCommits: ({ request, command }) =>
      beating(async () => {
        const { repository, number } = request.pullRequest;
        const place = placeOf(repository);
        const { rest } = await octokitOf(request.pullRequest);
        const { data: pull } = await rest.pulls.get({ ...place, pull_number: number });
        if (pull.head.sha !== request.headSha) return { movedTo: pull.head.sha };
        const basehead = `${pull.base.sha}...${request.headSha}`;
        const { data: compared } = await rest.repos.compareCommitsWithBasehead({ ...place, basehead });
        const isNightly = command.versus.kind === "nightly";
        const baseSha = isNightly ? newestNightCommit(store, repository) : compared.merge_base_commit.sha;
        return { arms: armsOf(command, request.headSha, baseSha) };
      }),

    fetchSource: ({ repository, sha }) =>
      beating(async () => readSourceArchive(await app.forRepository(repository), repository, sha)),

    findNewestCommit: ({ repository, branch }) =>
      beating(async () => {
        const { rest } = await app.forRepository(repository);
        const place = { ...placeOf(repository), ...(branch !== undefined && { sha: branch }) };
        const { data } = await rest.repos.listCommits({ ...place, per_page: 1 });
        const [newest] = data;
        if (newest === undefined) throw new BenchError("image", `${fullNameOf(repository)} has no commits to measure`);
        return { sha: newest.sha };
      }),

    reportNightly: ({ nightly, repository }) =>
      beating(async () => {
        const issue = regressionIssue(nightly, readNights(store, nightly.name));
        if (issue !== undefined) await upsertIssue(await app.forRepository(repository), app.appId, repository, issue);
      }),

    followSweep: (input) => beating(() => followSweep(input)),
    concludeSweep: (input) => beating(() => concludeSweep(input)),
  };
}

/** @throws {BenchError} Where no night has measured this repository. */
function newestNightCommit(store: ResultsStore, repository: RepositoryRef): string {
  const nights = store.listNightlies().flatMap((nightly) => store.listNights(nightly));
  const own = nights.filter((night) => night.status === "DONE" && night.repository === fullNameOf(repository));
  const newest = own.toSorted((a, b) => (a.date < b.date ? -1 : 1)).at(-1);
  if (newest !== undefined) return newest.sourceSha;
  throw new BenchError("image", `no night has measured ${fullNameOf(repository)} yet: compare with vs=base`);
}

const statusKey = ({ sweepId }: SweepOnPullRequest): string => `status:${sweepId}`;

const checkOf = ({ request, sweepId, spec }: SweepOnPullRequest) => ({
  repository: request.pullRequest.repository,
  headSha: request.headSha,
  sweepId,
  name: `meshbench ${spec}`,
});

async function readFinished(
  store: ResultsStore,
  sweep: SweepOnPullRequest,
  ending: Pick<FinishedSweep, "end" | "failure">,
): Promise<FinishedSweep> {
  const rows = store.listRuns(sweep.sweepId);
  const comparison = await compareArms(store, sweep);
  return {
    ...ending,
    rows,
    summary: `\`\`\`text\n${formatSweepTable(rows)}\n\`\`\``,
    ...(comparison && { comparison }),
  };
}

/** The head seen from the base; nothing where one of them was not measured. */
async function compareArms(
  store: ResultsStore,
  { sweepId, arms }: SweepOnPullRequest,
): Promise<ComparisonReport | undefined> {
  const record = store.findSweep(sweepId);
  if (record === undefined || arms.length < 2) return undefined;
  const { seed, environments } = JSON.parse(record.specJson) as Spec;
  const rows = store.listRuns(sweepId);
  const evidence = await Promise.all(rows.map(({ run_id: runId }) => store.readEvidence(runId)));
  const [base, head] = (["base", "head"] as const).map((arm) => {
    const suffix = armEnvironment("", arm);
    // Of both arms by one name: a point of one stands beside the other's.
    const nameOf = (environment: string) => environment.slice(0, -suffix.length);
    const isOfArm = (environment: string) => environment.endsWith(suffix);
    const found = new Map(evidence.flatMap((one) => (one ? [[one.run.environment.name, one.run.environment]] : [])));
    return {
      name: `${arm} ${arms.find(({ name }) => name === arm)?.sha.slice(0, 12) ?? ""}`,
      rows: rows
        .filter((row) => isOfArm(row.environment))
        .map((row) => Object.assign({}, row, { environment: nameOf(row.environment) })),
      environments: environments
        .filter(({ name }) => isOfArm(name))
        .flatMap(({ name }) => found.get(name) ?? [])
        .map((environment) => Object.assign({}, environment, { name: nameOf(environment.name) })),
    };
  });
  return base && head && prepareComparison(base, head, seed);
}
