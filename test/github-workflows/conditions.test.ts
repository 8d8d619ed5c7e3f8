/** Every `if:` of the workflow files, by GitHub's own evaluator, on payloads that GitHub published. */

import { createRequire } from "node:module";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { evaluate, parseWorkflowFile, WORKFLOW_FILES, type ParsedWorkflow } from "#test/support/github/workflow-files";

const parsed: Record<string, ParsedWorkflow> = {};

beforeAll(async () => {
  for (const [name, content] of Object.entries(WORKFLOW_FILES)) parsed[name] = await parseWorkflowFile(name, content);
});

const conditionOf = (file: string, job: string): string =>
  parsed[file]?.jobs.find(({ id }) => id === job)?.condition.expression ?? "";

test.for(Object.keys(WORKFLOW_FILES))("%s is a workflow to GitHub's own parser", (file) => {
  expect(parsed[file]?.errors).toEqual([]);
  expect(parsed[file]?.jobs.length).toBeGreaterThan(0);
});

test.for([
  ["a job that waits for none that exists", "needs: gate", "needs: gates"],
  ["a key it does not know", "timeout-minutes: 10", "time-limit: 10"],
  ["a function it does not know", "contains(github.event.comment.body, '/bench')", "has(github.event.comment.body)"],
] as const)("the parser refuses %s", async ([, from, to]) => {
  const text = WORKFLOW_FILES["comment.yml"] ?? "";
  expect((await parseWorkflowFile("comment.yml", text.replace(from, to))).errors).not.toEqual([]);
});

interface Comment {
  action: string;
  issue: Record<string, unknown>;
  comment: { body: string; user: { type: string } };
}

const webhooks = createRequire(import.meta.url)("@octokit/webhooks-examples") as {
  name: string;
  examples: Comment[];
}[];

/** As GitHub sends them for an issue; under a pull request the issue has one key more. */
const examples = webhooks.find(({ name }) => name === "issue_comment")?.examples ?? [];

function delivery(action: string, change: (payload: Comment) => void = () => {}): { github: object } {
  const payload = structuredClone(
    examples.find((one) => "action" in one && one.action === action),
  ) as unknown as Comment;
  const url = "https://api.github.com/repos/Codertocat/Hello-World/pulls/1";
  payload.issue["pull_request"] = { url, html_url: url, diff_url: url, patch_url: url };
  payload.comment.body = "/bench run quick";
  change(payload);
  return { github: { event_name: "issue_comment", event: payload } };
}

const gateLooksAt = (contexts: object): boolean => evaluate(conditionOf("comment.yml", "gate"), { ...contexts });

describe("the gate of comment.yml looks at", () => {
  test("a person's new comment under a pull request", () => {
    expect(gateLooksAt(delivery("created"))).toBe(true);
  });

  test.for<[string, object]>([
    ["a comment under an issue", delivery("created", ({ issue }) => delete issue["pull_request"])],
    ["a comment that was edited", delivery("edited")],
    ["a comment that was deleted", delivery("deleted")],
    ["a bot's comment", delivery("created", ({ comment }) => (comment.user.type = "Bot"))],
    ["what people else talk about", delivery("created", ({ comment }) => (comment.body = "looks good to me"))],
    ["another event that called it", { github: { event_name: "push", event: {} } }],
  ])("not %s", ([, contexts]) => {
    expect(gateLooksAt(contexts)).toBe(false);
  });
});

const benchIsAsked = (verdict: unknown, state?: "failed" | "cancelled"): boolean =>
  evaluate(conditionOf("comment.yml", "queue"), { needs: { gate: { outputs: { verdict } } } }, state);

describe("the bench of comment.yml", () => {
  test("is asked where the gate said go, and never else", () => {
    expect(benchIsAsked("go")).toBe(true);
    for (const verdict of ["refuse", "ignore", "", null]) expect(benchIsAsked(verdict)).toBe(false);
  });

  test("is not asked where the gate failed or was cancelled, whatever it had said before", () => {
    expect(benchIsAsked("go", "failed")).toBe(false);
    expect(benchIsAsked("go", "cancelled")).toBe(false);
  });
});

/** In the order of the file. */
const sweepStepsRun = (state: "going well" | "failed" | "cancelled"): boolean[] =>
  (parsed["sweep.yml"]?.jobs[0]?.steps ?? []).map(({ condition }) => evaluate(condition.expression, {}, state));

describe("sweep.yml", () => {
  test("cancels its sweep where the job was cancelled, and uploads the report whatever happened", () => {
    expect(sweepStepsRun("going well")).toEqual([true, true, false, true]);
    expect(sweepStepsRun("failed")).toEqual([false, false, false, true]);
    expect(sweepStepsRun("cancelled")).toEqual([false, false, true, true]);
  });
});

test.for(["comment.yml", "sweep.yml", "resume.yml", "nightly.yml"])(
  "%s runs where its input says, else on the bench",
  (file) => {
    const { jobs } = parse(WORKFLOW_FILES[file] ?? "") as { jobs: Record<string, { "runs-on": string }> };
    const labels = Object.values(jobs)
      .at(-1)
      ?.["runs-on"].replace(/^\$\{\{(.*)\}\}$/, "$1");
    const asksFor = (label: string, inputs: object) => evaluate(`contains(${labels}, '${label}')`, { inputs });
    for (const inputs of [{}, { labels: "" }]) {
      expect(["self-hosted", "meshbench"].every((label) => asksFor(label, inputs))).toBe(true);
    }
    expect(asksFor("lab-2", { labels: '["self-hosted", "lab-2"]' })).toBe(true);
    expect(asksFor("meshbench", { labels: '["self-hosted", "lab-2"]' })).toBe(false);
  },
);

test("no condition was forgotten here", () => {
  const own = Object.entries(parsed).flatMap(([file, { jobs }]) =>
    jobs.flatMap(({ id, condition, steps }) =>
      [condition, ...steps.map((step) => step.condition)]
        .filter(({ expression }) => expression !== "success()" && expression !== "")
        .map(() => `${file} ${id}`),
    ),
  );
  expect(own).toEqual(["comment.yml gate", "comment.yml queue", "sweep.yml sweep", "sweep.yml sweep"]);
});
