/** What workflows do at GitHub. Each may come twice, from two workers, and leaves one comment, one check. */

import type { Client } from "@temporalio/client";
import { withFailureBoundary } from "#activities/failure-boundary";
import { SweepCheck, type CheckText, type Conclusion } from "#activities/github/check-run";
import { OwnComments } from "#activities/github/comments";
import { heedAnswers } from "#activities/github/github-answers";
import { upsertIssue } from "#activities/github/issues";
import { readSourceArchive } from "#activities/github/source-archive";
import type { GithubApp } from "#activities/github/github-app";
import { SweepDisplay } from "#activities/github/sweep-display";
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
  type SweepEnd,
  type SweepOnPullRequest,
} from "#model/pull-request";
import type { Spec } from "#model/spec";
import { regressionIssue } from "#report/nightly";
import { prepareComparison, type ComparisonReport } from "#report/comparison";
import { inline } from "#report/markdown-text";
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
/** In line nothing happens but that the estimate changes. */
const QUEUED_SHOWN_EVERY_MS = 60_000;

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

  async function followSweep({ sweep, hosts }: Parameters<GithubActivities["followSweep"]>[0]) {
    const context = currentContext();
    const display = new SweepDisplay(app, sweep);
    let shown = { text: "", isQueued: false, atMs: 0 };
    for (;;) {
      const ended = await readSweepEnd(client, sweep.sweepId);
      if (ended !== undefined) return ended;
      const state = await readSweepState(client, sweep.sweepId, hosts);
      const next = { text: statusComment(sweep, state), isQueued: state.waiting.length > 0, atMs: Date.now() };
      const isSoon = shown.isQueued && next.isQueued && next.atMs < shown.atMs + QUEUED_SHOWN_EVERY_MS;
      if (next.text !== shown.text && !isSoon) {
        await display.showProgress(next.text);
        shown = next;
      }
      await context.sleep(watchEveryMs);
    }
  }

  async function concludeSweep({ sweep, end, failure }: Parameters<GithubActivities["concludeSweep"]>[0]) {
    const finished = await readFinished(store, sweep, { end, ...(failure !== undefined && { failure }) });
    const { conclusion, title } = checkOutcome(finished);
    await new SweepDisplay(app, sweep).conclude(conclusion, { title, summary: finalComment(sweep, finished) });
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
        new OwnComments(app, request.pullRequest).put(
          `answer:${request.commentId}`,
          answerComment(request.author, text),
        ),
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

    closeCheck: ({ sweep, end, why }) =>
      beating(() => new SweepCheck(app, sweep).put(unreported(sweep, why), CONCLUSION_WITHOUT_REPORT[end])),
  };
}

const CONCLUSION_WITHOUT_REPORT = {
  done: "neutral",
  cancelled: "cancelled",
  failed: "failure",
} as const satisfies Record<SweepEnd, Conclusion>;

const unreported = ({ sweepId }: SweepOnPullRequest, why: string): CheckText => ({
  title: "The sweep is over, but could not be reported",
  summary: `${inline(why)}\n\n\`meshbench report ${sweepId}\` on the bench's machine shows what was measured.`,
});

/** @throws {BenchError} Where no night has measured this repository. */
function newestNightCommit(store: ResultsStore, repository: RepositoryRef): string {
  const nights = store.listNightlies().flatMap((nightly) => store.listNights(nightly));
  const own = nights.filter((night) => night.status === "DONE" && night.repository === fullNameOf(repository));
  const newest = own.toSorted((a, b) => (a.date < b.date ? -1 : 1)).at(-1);
  if (newest !== undefined) return newest.sourceSha;
  throw new BenchError("image", `no night has measured ${fullNameOf(repository)} yet: compare with vs=base`);
}

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
