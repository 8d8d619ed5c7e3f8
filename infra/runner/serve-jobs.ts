/**
 * Runners that exist only while a job does: GitHub is asked for jobs that wait for this host, and each gets a runner that was
 * registered for it alone. One at a time: two would measure each other.
 */

import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { RequestError, type Octokit } from "octokit";
import { placeOf } from "#model/pull-request";
import type { RepositoryRef } from "#model/pull-request";
import type { Installation } from "#worker/installation";
import { killGroup } from "#infra/supervisor/process-group";

export interface RunnerSettings {
  readonly repository: RepositoryRef;
  /** Of this host, beside `self-hosted`: a job that asks for more is left to others. */
  readonly labels: readonly string[];
  /** Where GitHub's runner is unpacked: its `run.sh` is started. */
  readonly folder: string;
  /** That jobs are to use, whatever their user's own would be. */
  readonly installation: Pick<Installation, "home" | "cache">;
  readonly hostId: string;
  readonly pollEveryMs: number;
  /** Of a runner whose job went to somebody else, or was cancelled. */
  readonly idleLimitMs: number;
  readonly note: (text: string) => void;
}

interface OneUseRunner {
  readonly id: number;
  readonly name: string;
  /** What registers it. A secret, good for one job. */
  readonly config: string;
}

/** The default group of a repository's runners. */
const DEFAULT_GROUP = 1;
/** A run whose first job is done has others that wait. */
const RUNS_WITH_WAITING_JOBS = ["queued", "in_progress"] as const;
const GRACE_SEC = 10;

/** Until the signal. An outage of GitHub's is noted and waited for. */
export async function serveJobs(octokit: Octokit, settings: RunnerSettings, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const job = await findWaitingJob(octokit, settings);
      if (job !== undefined) await serveOne(octokit, settings, job, signal);
    } catch (error) {
      noteOutage(error, settings);
    }
    await delay(settings.pollEveryMs, undefined, { signal }).catch(() => {});
  }
}

/** An answer that never came is one, too: Octokit makes a 500 of it. */
function noteOutage(error: unknown, { note }: RunnerSettings): void {
  if (!(error instanceof RequestError)) throw error;
  note(sayWhy(error));
}

const sayWhy = (error: unknown): string =>
  error instanceof RequestError ? `GitHub: ${error.status} ${error.message}` : `GitHub: ${String(error)}`;

/** @returns What the job asks for; `undefined` where none waits that this host could do. */
async function findWaitingJob(octokit: Octokit, { repository, labels }: RunnerSettings): Promise<string[] | undefined> {
  const place = placeOf(repository);
  const ours = new Set(["self-hosted", ...labels]);
  for (const status of RUNS_WITH_WAITING_JOBS) {
    const { data } = await octokit.rest.actions.listWorkflowRunsForRepo({ ...place, status, per_page: 100 });
    for (const { id } of data.workflow_runs) {
      const jobs = await octokit.paginate(octokit.rest.actions.listJobsForWorkflowRun, { ...place, run_id: id });
      const waiting = jobs.filter((one) => one.status === "queued" && one.labels.includes("self-hosted"));
      const job = waiting.find((one) => one.labels.every((label) => ours.has(label)));
      if (job !== undefined) return job.labels;
    }
  }
  return undefined;
}

async function serveOne(
  octokit: Octokit,
  settings: RunnerSettings,
  labels: string[],
  signal: AbortSignal,
): Promise<void> {
  const runner = await registerRunner(octokit, settings, labels);
  settings.note(`${runner.name}: registered`);
  try {
    // Who was told to stop meanwhile takes no job any more.
    if (!signal.aborted) await run(octokit, settings, runner, signal);
  } finally {
    await removeRunner(octokit, settings.repository, runner.id);
    settings.note(`${runner.name}: gone`);
  }
}

async function registerRunner(
  octokit: Octokit,
  { repository, hostId }: RunnerSettings,
  labels: string[],
): Promise<OneUseRunner> {
  const name = `meshbench-${hostId}-${randomBytes(4).toString("hex")}`;
  const request = { ...placeOf(repository), name, labels, runner_group_id: DEFAULT_GROUP, work_folder: "_work" };
  const { data } = await octokit.rest.actions.generateRunnerJitconfigForRepo(request);
  return { id: data.runner.id, name, config: data.encoded_jit_config };
}

/** Its configuration is in its environment, which others cannot read; arguments, they could. */
async function run(octokit: Octokit, settings: RunnerSettings, { id, config }: OneUseRunner, signal: AbortSignal) {
  const child = spawn(join(settings.folder, "run.sh"), [], {
    cwd: settings.folder,
    env: { ...environmentOfJobs(settings), ACTIONS_RUNNER_INPUT_JITCONFIG: config },
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
  const ended = new AbortController();
  const exited = once(child, "exit").finally(() => ended.abort());
  const idle = endWhenIdle(octokit, settings, id, child, AbortSignal.any([ended.signal, signal]));
  const onStop = (): void => endGroup(child);
  signal.addEventListener("abort", onStop, { once: true });
  try {
    await exited;
  } finally {
    signal.removeEventListener("abort", onStop);
    await idle;
  }
}

/** `meshbench` is this one, and so is its Node. */
function environmentOfJobs({ installation: { home, cache } }: RunnerSettings): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG } = process.env;
  const path = [join(import.meta.dirname, "bin"), dirname(process.execPath), PATH].join(delimiter);
  return { PATH: path, HOME, LANG, MESHBENCH_HOME: home, MESHBENCH_CACHE: cache };
}

/**
 * Whoever took no job will get none: it would wait for ever. Where GitHub does not say which it is, a job may be under way,
 * and nothing that goes wrong with asking may end it: it is asked again.
 */
async function endWhenIdle(
  octokit: Octokit,
  settings: RunnerSettings,
  runnerId: number,
  child: ChildProcess,
  signal: AbortSignal,
): Promise<void> {
  let waitMs = settings.idleLimitMs;
  for (;;) {
    await delay(waitMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const isBusy = await readBusy(octokit, settings, runnerId, signal);
    if (signal.aborted || isBusy === true) return;
    if (isBusy === false) return endGroup(child);
    waitMs = settings.pollEveryMs;
  }
}

/** @returns `undefined` where GitHub does not say. */
async function readBusy(
  octokit: Octokit,
  { repository, note }: RunnerSettings,
  runnerId: number,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  try {
    const request = { ...placeOf(repository), per_page: 100, request: { signal } };
    const runners = await octokit.paginate(octokit.rest.actions.listSelfHostedRunnersForRepo, request);
    return runners.find(({ id }) => id === runnerId)?.busy;
  } catch (error) {
    if (!signal.aborted) note(sayWhy(error));
    return undefined;
  }
}

/** A group of its own: the job's steps end with it. */
function endGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) void killGroup(pid, GRACE_SEC);
}

/** One that had its job is gone by itself. */
async function removeRunner(octokit: Octokit, repository: RepositoryRef, id: number): Promise<void> {
  try {
    await octokit.rest.actions.deleteSelfHostedRunnerFromRepo({ ...placeOf(repository), runner_id: id });
  } catch (error) {
    if (!(error instanceof RequestError) || error.status !== 404) throw error;
  }
}
