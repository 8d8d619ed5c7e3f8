/** `pause`, `resume` and `queue` as a user types them, with workflows on a real Temporal server and hosts that are memory. */

import { Context } from "@temporalio/activity";
import { afterAll, beforeAll, test } from "vitest";
import { readSweepEnd } from "#activities/github/sweep-outlook";
import type { GithubActivities } from "#activities/index";
import { openSqliteStore } from "#activities/results/sqlite-store";
import type { ResultsStore } from "#activities/results/results-store";
import { parseComment, type RunCommand } from "#model/comment-command";
import { sweepWorkflowId, WORKFLOW_QUEUE } from "#model/ids";
import { PROTOCOL_VERSION } from "#model/node-protocol";
import { packPlan } from "#model/packed-plan";
import type { Plan } from "#model/plan";
import { armsOf, commentWorkflowId, reportWorkflowId } from "#model/pull-request";
import type { SweepDocument } from "#model/result-row";
import { sealPin } from "#model/sweep-pin";
import type { SweepPin } from "#model/sweep-pin";
import { runMeshbench } from "#test/support/meshbench-command";
import { sampleEnvironment, samplePlan } from "#test/support/sample-plan";
import { TempDir } from "#test/support/temp-dir";
import { WorkflowHarness } from "#test/support/workflow-harness";
import type { FakeHost } from "#test/support/workflow-harness";
import type { pullRequestCommentWorkflow } from "#workflows/pull-request-comment";

/** A machine under load is slow, not wrong. */
const SOON = { timeout: 30_000 };
const [HEAD, BASE] = ["a".repeat(40), "b".repeat(40)] as const;

/** Sweeps that pull requests have heard the end of, and how they ended. */
const concluded: string[] = [];
/** Until then GitHub is away. */
const githubBack = Promise.withResolvers<void>();
const github: Partial<GithubActivities> = {
  react: async () => {},
  pinCommits: async ({ request, command }) => ({ arms: armsOf(command, request.headSha, BASE) }),
  fetchSource: async ({ sha }) => ({ archive: sha }),
  async followSweep({ sweep }) {
    for (;;) {
      const ended = await readSweepEnd(harness.client, sweep.sweepId);
      if (ended !== undefined) return ended;
      Context.current().heartbeat();
      await Context.current().sleep(200);
    }
  },
  async concludeSweep({ sweep, end }) {
    const beating = setInterval(() => Context.current().heartbeat(), 500);
    await githubBack.promise.finally(() => clearInterval(beating));
    concluded.push(`${sweep.sweepId} ${end}`);
    return { conclusion: "" };
  },
};

let harness: WorkflowHarness;
let store: ResultsStore;
const home = new TempDir();

beforeAll(async () => {
  harness = await WorkflowHarness.start([], { github });
  store = openSqliteStore(home.join("results"));
  harness.store.mirror = store;
});
afterAll(async () => {
  await harness.close();
  store.close();
  home[Symbol.dispose]();
});

function meshbench(...args: string[]) {
  const env = { ...process.env, MESHBENCH_HOME: home.path, TEMPORAL_ADDRESS: harness.env.address };
  return runMeshbench(args, env);
}

let hostsMade = 0;

/** A sweep with a run under way. */
async function startSweep(sweepId: string): Promise<{ host: FakeHost; plan: Plan; release: () => void }> {
  const host = await harness.addHost(`cli-test-${++hostsMade}`);
  const plan = samplePlan({ host: host.id });
  const { reached, release } = host.holdNext("followMainLoop");
  await harness.startSweep({ sweepId, plan: packPlan(plan), sourceSha: "" });
  await reached;
  return { host, plan, release };
}

const endOf = (sweepId: string) => harness.client.workflow.getHandle(sweepWorkflowId(sweepId)).result();

test.concurrent("a paused sweep says so everywhere, and goes on when it is resumed", async ({ expect }) => {
  const { release } = await startSweep("paused");
  const paused = await meshbench("pause", "paused", "--json");
  expect(JSON.parse(paused.stdout)).toEqual({ sweep_id: "paused", status: "PAUSED", runs_left: 2 });
  expect(paused.stderr).toMatch(/is paused, its current run ends as usual; 2 runs left.*meshbench resume paused/);

  const [again, status, list] = await Promise.all([
    meshbench("pause", "paused"),
    meshbench("status", "paused", "--json"),
    meshbench("list"),
  ]);
  expect([again.exitCode, again.stderr]).toEqual([0, expect.stringContaining("is paused already; 2 runs left")]);
  expect(JSON.parse(status.stdout)).toMatchObject({ status: "PAUSED" });
  expect(list.stdout).toMatch(/^paused .* PAUSED /m);

  const record = store.findSweep("paused")!;
  const otherPin = { ...(JSON.parse(record.pinJson!) as SweepPin), protocol: 0 };
  store.saveSweep({ ...record, pinJson: JSON.stringify(otherPin) });
  const foreign = await meshbench("resume", "paused", "--detach");
  expect([foreign.exitCode, foreign.stderr]).toEqual([2, expect.stringMatching(/speaks protocol 0.*cancel paused/)]);
  store.saveSweep(record);

  const only = await meshbench("resume", "paused", "--only", "failed");
  const resumed = await meshbench("resume", "paused", "--detach");
  expect([only.exitCode, only.stderr]).toEqual([
    2,
    expect.stringContaining('--only: got "FAILED"; the sweep is under way'),
  ]);
  expect([resumed.exitCode, resumed.stderr]).toEqual([0, expect.stringContaining("paused goes on: 2 runs left")]);
  expect((await meshbench("resume", "paused", "--detach")).stderr).toContain("under way already, and not paused");
  release();
  await endOf("paused");
  expect((await meshbench("pause", "paused")).stderr).toContain("the sweep is done already");
});

test.concurrent("one that has ended is taken up again and followed to its end; complete, there is nothing left", async ({
  expect,
}) => {
  const { host } = await startSweep("ended");
  await meshbench("cancel", "ended");
  await expect(endOf("ended")).rejects.toThrow();

  const resumed = await meshbench("resume", "ended", "--json");
  expect(resumed.stderr).toMatch(/^resumed ended: 2 of 2 runs left, about \d+s/m);
  expect(resumed.exitCode).toBe(0);
  const { status, runs } = JSON.parse(resumed.stdout) as SweepDocument;
  expect([status, ...runs.map((row) => `${row.run_id} ${row.status}`)]).toEqual([
    "DONE",
    "ended-p1-r1-a1 CANCELLED",
    "ended-p1-r1-a2 VALID",
    "ended-p2-r1-a1 VALID",
  ]);
  expect(host.callsOf("prepareEnvironment")).toHaveLength(1);

  const [complete, noneFailed] = await Promise.all([
    meshbench("resume", "ended"),
    meshbench("resume", "ended", "--only", "failed,suspect"),
  ]);
  expect([complete.exitCode, complete.stderr]).toEqual([
    2,
    'error: ID: got "ended"; already complete; meshbench report ended\n',
  ]);
  expect(noneFailed.stderr).toContain("no latest attempt of a repetition is FAILED or SUSPECT");
});

test.concurrent("what cannot be resumed is refused with its state and what can be done", async ({ expect }) => {
  const { host, release } = await startSweep("changed");
  release();
  await endOf("changed");
  const record = store.findSweep("changed");
  const pin = JSON.parse(record?.pinJson ?? "") as SweepPin;
  const pinned = (sweepId: string, change: Partial<SweepPin>) =>
    store.saveSweep({ ...record!, sweepId, pinJson: JSON.stringify({ ...pin, ...change }) });
  pinned("other-hash", { configHash: "0".repeat(16) });
  pinned("other-protocol", { protocol: 0 });
  pinned("of-older-version", { configHash: "" });

  const refusals = {
    "*": /must be the id of one sweep/,
    nobodys: /no such sweep/,
    "other-hash": /config hash [0-9a-f]{16}, it began with 0{16}/,
    "other-protocol": /its node image speaks protocol 0/,
  };
  const answers = await Promise.all(Object.keys(refusals).map((id) => meshbench("resume", id)));
  for (const [i, rule] of Object.values(refusals).entries()) {
    expect([answers[i]?.exitCode, answers[i]?.stderr]).toEqual([2, expect.stringMatching(rule)]);
  }
  // Without a hash there is nothing to hold the plan against: it is refused for another reason.
  const old = await meshbench("resume", "of-older-version", "--only", "failed");
  expect(old.stderr).toContain("no latest attempt of a repetition is FAILED");
  const odd = await meshbench("resume", "changed", "--only", "valid,*");
  expect(odd.stderr.trimEnd().split("\n")).toEqual([
    expect.stringMatching(/^error: --only: got "valid"; must be out of failed, suspect, invalid/),
    expect.stringMatching(/^error: --only: got "\*"; must be/),
  ]);
  expect(host.callsOf("provisionNodes")).toHaveLength(2);
});

/** As `/bench run quick` under pull request 7 begins it. */
async function startCommentSweep(): Promise<{ host: FakeHost; sweepId: string }> {
  const host = await harness.addHost("cli-test-comment");
  const request = {
    pullRequest: { repository: { owner: "octo", name: "mesh" }, number: 7 },
    commentId: 1,
    author: "ada",
    headSha: HEAD,
  };
  const { reached } = host.holdNext("followMainLoop");
  const { spec } = samplePlan({ environments: [sampleEnvironment(host.id)] });
  await harness.client.workflow.start<typeof pullRequestCommentWorkflow>("pullRequestCommentWorkflow", {
    taskQueue: WORKFLOW_QUEUE,
    workflowId: commentWorkflowId(request),
    args: [{ request, command: parseComment("/bench run quick") as RunCommand, spec }],
  });
  await reached;
  return { host, sweepId: "pr-octo-mesh-7-1" };
}

test.concurrent("a comment's sweep goes on with both its commits, and its pull request hears of the new end", async ({
  expect,
}) => {
  const { sweepId } = await startCommentSweep();
  await meshbench("cancel", sweepId);
  await expect(endOf(sweepId)).rejects.toThrow();
  await expect
    .poll(() => harness.client.workflow.getHandle(reportWorkflowId(sweepId)).describe(), SOON)
    .toMatchObject({
      status: { name: "RUNNING" },
      raw: { pendingActivities: [{ activityType: { name: "concludeSweep" } }] },
    });

  const { exitCode, stdout, stderr } = await meshbench("resume", sweepId, "--json");
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining(`resumed ${sweepId}: 4 of 4 runs left`)]);
  const { runs } = JSON.parse(stdout) as SweepDocument;
  const commits = runs.map((row) => `${row.environment.replace(/.*-/, "")} ${row.source_sha}`);
  expect(new Set(commits)).toEqual(new Set([`base ${BASE}`, `head ${HEAD}`]));
  githubBack.resolve();
  await expect.poll(() => concluded, SOON).toEqual([`${sweepId} cancelled`, `${sweepId} done`]);
});

test.concurrent("of all that were interrupted, one that cannot be taken up keeps no other from it", async ({
  expect,
}) => {
  const host = await harness.addHost("cli-test-lost");
  const { spec, ...plan } = packPlan(samplePlan({ host: host.id }));
  const pin = { plan, sourceSha: "", priority: 0, environments: [] };
  for (const [sweepId, protocol] of [
    ["lost-1", 0],
    ["lost-2", PROTOCOL_VERSION],
    ["lost-3", 0],
  ] as const) {
    const record = { sweepId, name: spec.name, startedAt: sweepId, status: "OPEN", runsPlanned: 2 } as const;
    const pinJson = JSON.stringify({ ...pin, protocol });
    store.saveSweep(sealPin({ ...record, specJson: JSON.stringify(spec), pinJson }));
  }
  const { exitCode, stderr } = await meshbench("github", "resume");
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining("resumed lost-2: 2 of 2 runs left")]);
  expect(stderr.match(/error: ID: got "lost-[13]"; its node image speaks protocol 0/g)).toHaveLength(2);
  await endOf("lost-2");
});
