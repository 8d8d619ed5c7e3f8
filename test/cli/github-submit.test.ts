import type { Client } from "@temporalio/client";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { argumentsOf } from "#cli/github/carry-out";
import { inputOf } from "#cli/github/submit";
import { parseComment, type CommentCommand } from "#model/comment-command";
import { TempDir } from "#test/support/temp-dir";

const request = {
  pullRequest: { repository: { owner: "octo", name: "mesh" }, number: 7 },
  commentId: 1,
  author: "ada",
  headSha: "a".repeat(40),
};
let dir: TempDir;

beforeAll(() => {
  dir = new TempDir();
  vi.stubEnv("MESHBENCH_HOME", dir.path);
});
afterAll(() => {
  vi.unstubAllEnvs();
  dir[Symbol.dispose]();
});

/** Temporal is there, but no worker. */
const client = {
  options: { namespace: "default" },
  workflowService: { describeTaskQueue: async () => ({ pollers: [] }) },
} as unknown as Client;

const ask = (body: string) => inputOf(client, { request, command: parseComment(body) as CommentCommand });

test("a run that no worker would serve is answered, with what to do", async () => {
  expect(await ask("/bench run quick")).toMatchObject({
    isRefusal: true,
    text: expect.stringMatching(/no worker polls task queues .*; start one on that machine: meshbench up/),
  });
});

test("a run whose head and base together are too many runs is refused", async () => {
  expect(await ask("/bench run quick nodes=2 repetitions=200")).toMatchObject({
    isRefusal: true,
    text: expect.stringContaining("800 runs > 500"),
  });
});

test("a plan is of all that a run would measure", async () => {
  expect(await ask("/bench plan quick nodes=2 repetitions=3")).toMatchObject({
    text: expect.stringMatching(/4 points x 3 repetitions = 12 runs[^]*containers-base[^]*containers-head/),
  });
  expect(await ask("/bench plan quick nodes=2 repetitions=3 vs=none")).toMatchObject({
    text: expect.stringMatching(/2 points x 3 repetitions = 6 runs/),
  });
});

test("a comparison is plain text, and of sweeps of this repository only", async () => {
  const [ours, others] = ["pr-octo-mesh-7-1", "pr-octo-mesh-tools-7-1"];
  const compare = { verb: "compare", a: ours, b: `${ours}:containers-head` } as const;
  expect(await argumentsOf(compare, request)).toEqual(["compare", ours, `${ours}:containers-head`]);
  expect(await ask(`/bench compare ${ours} ${others}`)).toMatchObject({
    isRefusal: true,
    text: expect.stringContaining("is no sweep of this repository's pull requests"),
  });
});
