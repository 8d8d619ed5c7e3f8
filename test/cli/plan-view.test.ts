import { expect, test } from "vitest";
import { planDocument, planText, settingsOf } from "#cli/plan-view";
import { loadPlan } from "#cli/spec-file";
import { expandPlan } from "#model/plan";
import { DEFAULT_LIMITS } from "#model/spec-schema";
import { containers, specOf } from "#test/model/spec-fixture";

const paperPlan = (set: readonly string[] = []) => loadPlan({ spec: "paper/test-3", set, limits: DEFAULT_LIMITS });
const withOrigin = (settings: ReturnType<typeof settingsOf>, wanted: string) =>
  settings.filter(({ origin }) => origin === wanted).map(({ key }) => key);

test("only what the paper prints is unmarked: nodes, aggregation, mode, and the size of its machines", async () => {
  const settings = settingsOf(await paperPlan(), []);
  expect(withOrigin(settings, "")).toEqual([
    "environments",
    "mode",
    "nodes",
    "aggregation",
    "cpus",
    "memory",
    "deadline",
  ]);
});

test("what a flag says is marked as set", async () => {
  const plan = await paperPlan([
    "nodes=4",
    "matrix.rate=6000",
    "database.engine=memory",
    "environments.containers.cpus=2",
  ]);
  const keys = ["nodes", "matrix.rate", "database.engine", "environments.containers.cpus"];
  expect(withOrigin(settingsOf(plan, keys), "set")).toEqual(["nodes", "rate", "engine", "cpus"]);
});

test("the text has a line for each point, the order, and what is skipped", () => {
  const environments = { containers: { ...containers, max_nodes: 4 } };
  const spec = specOf({ environments, nodes: undefined, matrix: { nodes: [2, 4, 8] }, repetitions: 2, seed: 1 });
  const text = planText(expandPlan(spec), []);
  expect(text).toMatch(/^small: 2 points x 2 repetitions = 4 runs, about /);
  expect(text).toMatch(
    /^1 +containers +2 +2 000 +4 000 +24 000 +16MiB +48MiB +\d+MiB +\d+MiB of 512MiB +\d+MiB +\d+s$/m,
  );
  expect(text).toMatch(/^order of points: [12] [12] [12] [12]$/m);
  expect(text).toMatch(/^skipped point 3: 8 nodes > max_nodes 4 of containers$/m);
  expect(text).toMatch(/^note: all points: under 30s: quotable false$/m);
});

test("the document has every point, run and skipped point, with units in its names", () => {
  const environments = { containers: { ...containers, max_nodes: 2 } };
  const spec = specOf({ environments, nodes: undefined, matrix: { nodes: [2, 4] }, repetitions: 6 });
  const document = JSON.parse(JSON.stringify(planDocument(expandPlan(spec), []))) as unknown;
  expect(document).toMatchObject({
    name: "small",
    points: [
      {
        point: 1,
        nodes: 2,
        rate_per_min: 6000,
        duration_s: 20,
        tuples_per_node: 2000,
        tuples_per_db_expected: 4000,
        inserts_per_min: 24_000,
      },
    ],
    skipped: [{ point: 2, nodes: 4, why: "4 nodes > max_nodes 2 of containers" }],
    runs: Array.from({ length: 6 }, (_, i) => ({ point: 1, repetition: i + 1 })),
  });
});
