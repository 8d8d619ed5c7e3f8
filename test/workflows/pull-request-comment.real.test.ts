/** What is said of a comment and its sweep, where GitHub, a host or the report fails. */

import { Context } from "@temporalio/activity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withFailureBoundary } from "#activities/failure-boundary";
import { readSweepEnd } from "#activities/github/sweep-outlook";
import type { GithubActivities } from "#activities/index";
import { parseComment, type RunCommand } from "#model/comment-command";
import { BenchError } from "#model/errors";
import { sweepWorkflowId, WORKFLOW_QUEUE } from "#model/ids";
import { armsOf, commentSweepId, commentWorkflowId, reportWorkflowId } from "#model/pull-request";
import type { CommentRequest } from "#model/pull-request";
import type { pullRequestCommentWorkflow } from "#workflows/pull-request-comment";
import { recordHistory } from "#test/support/recorded-histories";
import { sampleEnvironment, samplePlan } from "#test/support/sample-plan";
import { WorkflowHarness, type FakeHost } from "#test/support/workflow-harness";

const SOON = { timeout: 30_000 };
const [HEAD, BASE] = ["a", "b"].map((digit) => digit.repeat(40)) as [string, string];
const COMMAND = parseComment("/bench run quick") as RunCommand;

/** GitHub for one comment: what it was told, and what fails of it next. */
class FakeConversation {
  readonly said: string[] = [];
  readonly failing = new Map<keyof GithubActivities, Error>();

  async say(call: keyof GithubActivities, text: string): Promise<void> {
    const error = this.failing.get(call);
    this.failing.delete(call);
    await withFailureBoundary({}, () => (error === undefined ? Promise.resolve() : Promise.reject(error)));
    this.said.push(`${call} ${text}`);
  }
}

const conversations = new Map<number, FakeConversation>();
const conversationOf = ({ commentId }: CommentRequest): FakeConversation =>
  conversations.get(commentId) ?? new FakeConversation();

const github: Partial<GithubActivities> = {
  react: ({ request, reaction }) => conversationOf(request).say("react", reaction),
  answer: ({ request, text }) => conversationOf(request).say("answer", text),
  pinCommits: async ({ command }) => ({ arms: armsOf(command, HEAD, BASE) }),
  fetchSource: async ({ sha }) => ({ archive: sha }),
  async followSweep({ sweep }) {
    await conversationOf(sweep.request).say("followSweep", "");
    for (;;) {
      const ended = await readSweepEnd(harness.client, sweep.sweepId);
      if (ended !== undefined) return ended;
      Context.current().heartbeat();
      await Context.current().sleep(100);
    }
  },
  async concludeSweep({ sweep, end }) {
    await conversationOf(sweep.request).say("concludeSweep", end);
    return { conclusion: "" };
  },
  closeCheck: ({ sweep, end, why }) => conversationOf(sweep.request).say("closeCheck", `${end} ${why}`),
};

let harness: WorkflowHarness;
beforeAll(async () => {
  harness = await WorkflowHarness.start([], { github });
});
afterAll(() => harness.close());

async function comment(environment = "containers") {
  const commentId = conversations.size + 1;
  const conversation = new FakeConversation();
  conversations.set(commentId, conversation);
  const host = await harness.addHost(`comment-${commentId}`);
  const pullRequest = { repository: { owner: "octo", name: "mesh" }, number: 7 };
  const request = { pullRequest, commentId, author: "ada", headSha: HEAD };
  const { spec: sample } = samplePlan({ environments: [sampleEnvironment(host.id, { name: environment })] });
  const spec = { ...sample, factors: { ...sample.factors, mode: ["replicated"] as const } };
  const { said, failing } = conversation;
  return { host, said, failing, request, spec };
}

type Asked = Awaited<ReturnType<typeof comment>>;

/** @returns Once it has said what it has to say itself. */
async function submit({ request, spec }: Asked) {
  const handle = await harness.client.workflow.start<typeof pullRequestCommentWorkflow>("pullRequestCommentWorkflow", {
    taskQueue: WORKFLOW_QUEUE,
    workflowId: commentWorkflowId(request),
    args: [{ request, command: COMMAND, spec }],
  });
  await handle.result();
  return handle;
}

/** @returns Its report, once the sweep has ended. */
async function reportOf({ request }: Asked) {
  const sweepId = commentSweepId(request);
  await harness.client.workflow.getHandle(sweepWorkflowId(sweepId)).result();
  return harness.client.workflow.getHandle(reportWorkflowId(sweepId));
}

describe.concurrent("a comment", () => {
  test("has head and base measured, and their end said", SOON, async () => {
    const asked = await comment();
    const handle = await submit(asked);
    const report = await reportOf(asked);
    await report.result();
    expect(asked.host.callsOf("buildImage")).toEqual([BASE, HEAD]);
    expect(asked.said.toSorted()).toEqual(["concludeSweep done", "followSweep ", "react rocket"]);
    await recordHistory(handle, "pull-request-comment");
    await recordHistory(report, "sweep-report");
  });

  test("whose images cannot be built, for whatever reason, is answered", SOON, async () => {
    const asked = await comment();
    asked.host.failNext("buildImage", new TypeError("x is not a function"));
    await submit(asked);
    expect(asked.said).toEqual(["answer Nothing was measured. bug: TypeError: x is not a function", "react confused"]);
  });

  test("whose spec turns out to be impossible is answered", SOON, async () => {
    const asked = await comment("e".repeat(28));
    await submit(asked);
    expect(asked.said).toEqual([expect.stringMatching(/^answer .*at most 27 characters/), "react confused"]);
  });
});

describe.concurrent("a sweep", () => {
  test(
    "whose comment was deleted, and that cannot be followed, is concluded as it ended, once it has",
    SOON,
    async () => {
      const asked = await comment();
      asked.failing.set("react", new BenchError("github refused", "404 Not Found"));
      asked.failing.set("followSweep", new TypeError("x is not a function"));
      await submit(asked);
      await (await reportOf(asked)).result();
      expect(measured(asked.host)).toBe(2);
      expect(asked.said).toContain("concludeSweep done");
    },
  );

  test("that cannot be reported has its check closed, with why", SOON, async () => {
    const asked = await comment();
    asked.failing.set("concludeSweep", new TypeError("x is not a function"));
    await submit(asked);
    await expect((await reportOf(asked)).result()).rejects.toThrow("Workflow execution failed");
    expect(asked.said).toContain("closeCheck done bug: TypeError: x is not a function");
  });
});

const measured = (host: FakeHost): number => host.callsOf("collectRun").length;
