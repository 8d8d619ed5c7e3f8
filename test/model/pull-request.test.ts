import { describe, expect, test } from "vitest";
import { parseSpec } from "#model/parse-spec";
import { expandPlan } from "#model/plan";
import { armsOf, commentSweepId, commentWorkflowId, withArms } from "#model/pull-request";
import { isRunId, runIdOf } from "#model/ids";
import { DEFAULT_LIMITS } from "#model/spec-schema";

const [HEAD, BASE, OTHER] = ["a", "b", "c"].map((digit) => digit.repeat(40)) as [string, string, string];
const REQUEST = {
  pullRequest: { repository: { owner: "octo", name: "Mesh.Bench" }, number: 7 },
  commentId: 2_147_483_648,
  author: "ada",
  headSha: HEAD,
};
const spec = parseSpec(
  {
    version: 1,
    name: "small",
    environments: { containers: { provider: "docker", cpus: 1, memory: "512MiB" } },
    matrix: { nodes: [2, 4] },
    rate: 6000,
    duration: "30s",
    repetitions: 2,
    seed: 1,
  },
  DEFAULT_LIMITS,
);

test.each([
  [{ kind: "base" } as const, ["base", "head"], [BASE, HEAD]],
  [{ kind: "sha", sha: OTHER } as const, ["base", "head"], [OTHER, HEAD]],
  [{ kind: "none" } as const, ["head"], [HEAD]],
  [{ kind: "nightly" } as const, ["base", "head"], [BASE, HEAD]],
])("against %j it measures %j", (versus, names, shas) => {
  const arms = armsOf({ versus }, HEAD, BASE);
  expect(arms.map(({ name }) => name)).toEqual(names);
  expect(arms.map(({ sha }) => sha)).toEqual(shas);
});

describe("head and base", () => {
  const armed = withArms(spec, { base: "sha256:1", head: "sha256:2" });

  test("are environments of one sweep, each with its own image", () => {
    expect(armed.environments.map(({ name, image }) => [name, image])).toEqual([
      ["containers-base", "sha256:1"],
      ["containers-head", "sha256:2"],
    ]);
  });

  test("are measured interleaved: every repetition has both", () => {
    const { runs, points } = expandPlan(armed);
    const first = runs.slice(0, points.length).map(({ point }) => point);
    expect(new Set(first).size).toBe(4);
    expect(runs.slice(0, points.length).every(({ repetition }) => repetition === 1)).toBe(true);
  });

  test("are refused where a name leaves no room for theirs", () => {
    const long = {
      ...spec,
      environments: spec.environments.map((one) => Object.assign({}, one, { name: "e".repeat(28) })),
    };
    expect(() => withArms(long, { head: "sha256:2" })).toThrow(/at most 27 characters/);
  });
});

test("one comment has one workflow and one sweep, whose ids can be part of a run's", () => {
  expect(commentWorkflowId(REQUEST)).toBe("comment-octo-Mesh.Bench-7-2147483648");
  expect(commentSweepId(REQUEST)).toBe("pr-octo-mesh-bench-7-2147483648");
  const runId = runIdOf({ sweepId: commentSweepId(REQUEST), point: 1, repetition: 1, attempt: 1 });
  expect(isRunId(runId)).toBe(true);
});
