/** The whole story of a comment, on real Docker and Temporal, with a double of GitHub alone. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "@temporalio/client";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { gateComment } from "#cli/github/gate";
import { readJobInputs } from "#cli/github/job-inputs";
import { submitOrder } from "#cli/github/submit";
import { sweepWorkflowId } from "#model/ids";
import type { RunRow } from "#model/result-row";
import { reportingTo } from "#test/support/github/app-key";
import { packCommit } from "#test/support/github/commit-archive";
import { GithubDouble, JOB_TOKEN } from "#test/support/github/github-double";
import { InstallationHarness, until } from "#test/support/installation-harness";
import { cancelStep, startStep } from "#test/support/github/job-step";
import { runMeshbench, startMeshbench } from "#test/support/meshbench-command";

const [HEAD, BASE, MOVED] = ["a", "b", "c"].map((digit) => digit.repeat(40)) as [string, string, string];
const PULL = 7;
let github: GithubDouble;
let harness: InstallationHarness;

const changeOfHead = (path: string, text: string): string =>
  path === join("node", "main.ts") ? `${text}\nprocess.title = "head";\n` : text;

beforeAll(async () => {
  github = await GithubDouble.start();
  github.permissions.set("ada", "write");
  github.pulls.set(PULL, { number: PULL, headSha: HEAD, baseSha: BASE, mergeBaseSha: BASE });
  github.tarballs.set(BASE, await packCommit());
  github.tarballs.set(HEAD, await packCommit(changeOfHead));
  harness = await InstallationHarness.up(reportingTo(github));
  github.files.set(`${HEAD}:bench/small.yaml`, readFileSync(harness.writeSpec("small"), "utf8"));
}, 120_000);

afterAll(async () => {
  await harness?.[Symbol.asyncDispose]();
  await github?.stop();
}, 60_000);

/** The gate's job. @returns What it hands to the bench. */
async function gate(event: object): Promise<string> {
  const [eventFile, outputFile] = [join(harness.home, "event.json"), join(harness.home, "output")];
  writeFileSync(eventFile, JSON.stringify(event));
  writeFileSync(outputFile, "");
  await gateComment({
    GITHUB_EVENT_PATH: eventFile,
    GITHUB_OUTPUT: outputFile,
    GITHUB_TOKEN: JOB_TOKEN,
    GITHUB_API_URL: github.url,
  });
  return /order<<(\S+)\n([^]*?)\n\1/.exec(readFileSync(outputFile, "utf8"))?.[2] ?? "";
}

/** The bench's job. */
const submit = (order: string) =>
  runMeshbench(["github", "submit", "--json"], { ...harness.env, MESHBENCH_ORDER: order });

/** Both jobs. */
async function command(body: string): Promise<{ commentId: number; sweepId: string | null }> {
  const event = github.comment(PULL, "ada", body);
  const { stdout, stderr, exitCode } = await submit(await gate(event));
  if (exitCode !== 0) throw new Error(stderr);
  return { commentId: event.comment.id, sweepId: (JSON.parse(stdout) as { sweep_id: string | null }).sweep_id };
}

const untilSaid = (mark: string) => until(`a comment ${mark}`, 120, () => github.ours(mark).length > 0);

async function rowsOf(sweepId: string): Promise<RunRow[]> {
  const { stdout } = await harness.expectExit(0, "export", sweepId, "--json");
  return JSON.parse(stdout) as RunRow[];
}

describe("a comment under a pull request", () => {
  test("measures head and merge base in one sweep and says which is better, once, though it is delivered a hundred times", async () => {
    const event = github.comment(PULL, "ada", "/bench run bench/small.yaml");
    const order = await gate(event);
    for (const [name, value] of Object.entries(harness.env)) vi.stubEnv(name, value);
    const [here, ...jobs] = await Promise.all([
      Promise.all(Array.from({ length: 96 }, () => submitOrder(order, true))),
      ...Array.from({ length: 4 }, () => submit(order)),
    ]);
    vi.unstubAllEnvs();
    expect(here).toHaveLength(96);
    expect(jobs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
    const sweepId = `pr-octo-mesh-${PULL}-${event.comment.id}`;
    await untilSaid(`final:${sweepId}`);
    await until("the check is concluded", 30, () => github.checks.every(({ status }) => status === "completed"));
    await until("the status comment is folded", 30, () =>
      github.ours("status").every(({ isMinimised }) => isMinimised),
    );

    const rows = await rowsOf(sweepId);
    expect(rows.map(({ environment, source_sha: sha, status }) => `${environment} ${sha} ${status}`).sort()).toEqual([
      `containers-base ${BASE} VALID`,
      `containers-head ${HEAD} VALID`,
    ]);
    const [final, ...others] = github.ours("final");
    expect(others).toEqual([]);
    expect(final?.body).toMatch(
      /^## ❔ Undecided between head a+ and base b+: too few repetitions.* \(5 needed\); 2 of 2 runs VALID/,
    );
    expect(final?.body).toContain("only 1 VALID repetitions");
    expect(github.ours("status")).toHaveLength(1);
    expect(github.checks).toHaveLength(1);
    expect(github.checks[0]).toMatchObject({ headSha: HEAD, externalId: sweepId, conclusion: "neutral" });
    expect(github.reactions.map(({ content }) => content).sort()).toEqual(["eyes", "rocket"]);
  }, 150_000);

  test("cancels its pull request's newest sweep; the check says so", async () => {
    const { sweepId } = await command("/bench run bench/small.yaml duration=60s vs=none");
    await harness.untilMainLoop(sweepId ?? "");
    const { commentId } = await command("/bench cancel");
    await untilSaid(`answer:${commentId}`);
    await untilSaid(`final:${sweepId}`);
    expect(github.ours(`final:${sweepId}`)[0]?.body).toMatch(/^## ⚠️ Cancelled: 0 of 1 runs VALID/);
    await until("the check is cancelled", 30, () => github.checks.some(({ conclusion }) => conclusion === "cancelled"));
  }, 150_000);

  test("is refused where the pull request has moved on since the gate looked, with both commits", async () => {
    const event = github.comment(PULL, "ada", "/bench run bench/small.yaml");
    const order = await gate(event);
    const pull = github.pulls.get(PULL);
    if (pull) pull.headSha = MOVED;
    await submit(order);
    await untilSaid(`answer:${event.comment.id}`);
    if (pull) pull.headSha = HEAD;
    const [answer] = github.ours(`answer:${event.comment.id}`);
    expect(answer?.body).toContain(HEAD);
    expect(answer?.body).toContain(MOVED);
  }, 60_000);

  test("is answered: plan, status, queue and help", async () => {
    const expected = {
      plan: /2 runs/,
      status: /CANCELLED|VALID/,
      queue: /free|no host|measur/i,
      help: /\/bench run SPEC/,
    };
    for (const [verb, pattern] of Object.entries(expected)) {
      const { commentId } = await command(`/bench ${verb}${verb === "plan" ? " bench/small.yaml" : ""}`);
      await untilSaid(`answer:${commentId}`);
      expect(github.ours(`answer:${commentId}`)[0]?.body).toMatch(pattern);
    }
  }, 60_000);
});

const jobEnv = (runId = "77") => ({
  ...harness.env,
  GITHUB_REPOSITORY: "octo/mesh",
  GITHUB_RUN_ID: runId,
  GITHUB_SHA: HEAD,
  GITHUB_STEP_SUMMARY: join(harness.home, "summary.md"),
  GITHUB_OUTPUT: join(harness.home, "output"),
  RUNNER_TEMP: join(harness.home, "temp"),
  MESHBENCH_SPEC: "small.yaml",
  MESHBENCH_SET: "duration=8s",
});
const within = () => ["env", "--chdir", join(harness.home, "job")];

/** @returns When Temporal was told to cancel; the sweep has ended and its host is clean by then. */
async function untilCancelled(sweepId: string) {
  const handle = (client: Client) => client.workflow.getHandle(sweepWorkflowId(sweepId));
  await until(`${sweepId} is cancelled and clean`, 30, async () => {
    const { status } = await harness.withClient((client) => handle(client).describe());
    return status.name === "CANCELLED" && (await harness.resources()).length === 0;
  });
  const { events } = await harness.withClient((client) => handle(client).fetchHistory());
  const told = events?.find(({ workflowExecutionCancelRequestedEventAttributes: cancelled }) => cancelled)?.eventTime;
  return Number(told?.seconds) * 1000 + (told?.nanos ?? 0) / 1e6;
}

describe("a job's sweep", () => {
  test("goes on when its job is killed, and the job's next attempt attaches to it and ends with its result", async () => {
    mkdirSync(join(harness.home, "job", "source"), { recursive: true });
    writeFileSync(join(harness.home, "job", "source", "small.yaml"), readFileSync(harness.writeSpec("small"), "utf8"));
    const { sweepId } = readJobInputs(jobEnv());
    const first = startMeshbench(["github", "sweep"], jobEnv(), within());
    await harness.untilMainLoop(sweepId);
    first.kill("SIGKILL");
    await first.finished;
    const second = await startMeshbench(["github", "sweep"], jobEnv(), within()).finished;
    expect(second.stderr).toContain(`attaching to ${sweepId}`);
    expect(second.exitCode).toBe(0);
    expect(await rowsOf(sweepId)).toHaveLength(1);
    expect(readFileSync(join(harness.home, "output"), "utf8")).toContain(`sweep=${sweepId}\n`);
    expect(readFileSync(join(harness.home, "summary.md"), "utf8")).toContain("1 of 1 planned runs VALID");
    expect(readFileSync(join(harness.home, "temp", "report", "report.html"), "utf8")).toContain("<html");
  }, 120_000);

  test("is cancelled within 2 s of the job, by the runner's own signals, and leaves nothing", async () => {
    const env = { ...jobEnv("78"), MESHBENCH_SET: "duration=60s" };
    const { sweepId } = readJobInputs(env);
    const step = startStep(["github", "sweep"], env, join(harness.home, "job"));
    await harness.untilMainLoop(sweepId);
    const cancelledAtMs = Date.now();
    const ended = cancelStep(step);
    expect((await untilCancelled(sweepId)) - cancelledAtMs).toBeLessThan(2000);
    expect((await ended).exitCode).not.toBe(0);
  }, 120_000);

  test("is cancelled by the job's next step where the runner's signals never came", async () => {
    const env = { ...jobEnv("79"), MESHBENCH_SET: "duration=60s" };
    const { sweepId } = readJobInputs(env);
    const step = startStep(["github", "sweep"], env, join(harness.home, "job"));
    await harness.untilMainLoop(sweepId);
    step.kill("SIGKILL");
    await step.finished;
    expect((await startStep(["github", "cancel"], env, join(harness.home, "job")).finished).exitCode).toBe(0);
    await untilCancelled(sweepId);
  }, 120_000);
});
