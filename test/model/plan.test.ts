import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expandPlan, expectedSecOf, tupleCountOf } from "#model/plan";
import { countRuns } from "#model/spec-checks";
import { containers, linesOf, specOf } from "#test/model/spec-fixture";

const planOf = (change: Record<string, unknown> = {}) => expandPlan(specOf(change));

test("K is D·T rounded, at least 1, and the expected time follows from K", () => {
  expect(tupleCountOf({ ratePerMin: 5000, durationSec: 60 })).toBe(5000);
  expect(tupleCountOf({ ratePerMin: 7, durationSec: 30 })).toBe(4);
  expect(tupleCountOf({ ratePerMin: 1, durationSec: 1 })).toBe(1);
  expect(expectedSecOf({ ratePerMin: 7, durationSec: 30 })).toBeCloseTo(34.29, 2);
});

test("points are all combinations, compared arms side by side", () => {
  const vms = { ...containers, provider: "qemu" };
  const plan = planOf({
    environments: { containers, vms },
    nodes: undefined,
    matrix: { mode: ["baseline", "replicated"], nodes: [2, 4] },
  });
  expect(
    plan.points.map(({ point: { index, nodes, mode, environment } }) => [index, nodes, mode, environment]),
  ).toEqual([
    [1, 2, "baseline", "containers"],
    [2, 2, "baseline", "vms"],
    [3, 2, "replicated", "containers"],
    [4, 2, "replicated", "vms"],
    [5, 4, "baseline", "containers"],
    [6, 4, "baseline", "vms"],
    [7, 4, "replicated", "containers"],
    [8, 4, "replicated", "vms"],
  ]);
});

test("max_nodes skips points of its environment only, and the plan says so", () => {
  const vms = { ...containers, provider: "qemu", max_nodes: 2 };
  const plan = planOf({ environments: { containers, vms }, nodes: undefined, matrix: { nodes: [2, 4] } });
  expect(plan.points.map(({ point }) => point.index)).toEqual([1, 2, 3]);
  expect(plan.skipped).toMatchObject([{ point: { index: 4, nodes: 4 }, why: "4 nodes > max_nodes 2 of vms" }]);
  expect(plan.runs.every(({ point }) => point !== 4)).toBe(true);
});

test("a plan with nothing to measure is refused", () => {
  const environments = { containers: { ...containers, max_nodes: 2 } };
  expect(linesOf(() => planOf({ environments }))).toEqual([
    "error: environments.containers.max_nodes: got 2; skips every point of the matrix; raise it, or measure fewer nodes",
  ]);
});

test("cpus and memory as axes take the place of the environments' own", () => {
  const plan = planOf({ matrix: { cpus: [0.5, 1], memory: ["512MiB", "1GiB"] } });
  expect(plan.points.map(({ point }) => [point.cpus, point.memoryMib])).toEqual([
    [0.5, 512],
    [0.5, 1024],
    [1, 512],
    [1, 1024],
  ]);
});

const someOf = <Value>(...values: Value[]) => fc.uniqueArray(fc.constantFrom(...values), { minLength: 1 });

test("every run of the plan is one that the validator counted", () => {
  const change = fc.record({
    matrix: fc.record({ nodes: someOf(2, 3, 5, 8), mode: someOf("baseline", "replicated"), phase: someOf("aligned") }),
    repetitions: fc.integer({ min: 1, max: 5 }),
    seed: fc.nat(),
    order: fc.constantFrom("interleaved", "declared"),
    nodes: fc.constant(undefined),
    environments: fc.record({ max_nodes: fc.integer({ min: 5, max: 9 }) }).map((limit) => ({
      containers: Object.assign(limit, containers),
    })),
  });
  fc.assert(
    fc.property(change, (given) => {
      const spec = specOf(given);
      fc.pre(spec.factors.nodes.some((nodes) => nodes <= (spec.environments[0]?.maxNodes ?? 0)));
      const { runs, points } = expandPlan(spec);
      expect(runs).toHaveLength(countRuns(spec));
      expect(new Set(runs.map(({ point, repetition }) => `${point}/${repetition}`)).size).toBe(runs.length);
      expect(new Set(runs.map(({ point }) => point))).toEqual(new Set(points.map(({ point }) => point.index)));
    }),
    { numRuns: 50 },
  );
});

const withRamDisk = (size: string) => ({ environments: { containers: { ...containers, ram_disk: size } } });

describe("sizes", () => {
  test("follow from the load only: equal in both modes and in all environments", () => {
    const vms = { ...containers, provider: "qemu" };
    const { points } = planOf({ environments: { containers, vms }, matrix: { mode: ["baseline", "replicated"] } });
    expect(new Set(points.map(({ sizing }) => JSON.stringify(sizing))).size).toBe(1);
    expect(points.map(({ rowsPerDatabase }) => rowsPerDatabase)).toEqual([8000, 8000, 8000, 8000]);
  });

  test("hold the table in half of the pool, and a redo log of 48 MiB or more, at every load of the paper", () => {
    const environments = { containers: { ...containers, memory: "3GiB" } };
    const matrix = { nodes: [2, 15, 64], rate: [5000, 60_000] };
    const { points } = planOf({ environments, nodes: undefined, rate: undefined, duration: "60s", matrix });
    for (const { rowsPerDatabase, sizing } of points) {
      expect(sizing.bufferPoolMib * 2 ** 20).toBeGreaterThanOrEqual(2 * 150 * rowsPerDatabase);
      expect(sizing.redoLogMib).toBeGreaterThanOrEqual(48);
      expect(sizing.ramDiskMib * 2 ** 20).toBeGreaterThan(150 * rowsPerDatabase + sizing.redoLogMib * 2 ** 20);
    }
  });

  test("let a small node run in 512 MiB, and 64 nodes on the memory engine in 20 GiB of limits", () => {
    expect(planOf().points[0]?.memoryNeededMib).toBeLessThan(300);
    const { points } = planOf({ nodes: 64, rate: 2000, duration: "60s", database: { engine: "memory" } });
    expect(points[0]?.memoryNeededMib).toBeLessThan(320);
  });

  test("that do not fit are refused with what is needed, per environment", () => {
    const environments = {
      containers: { ...containers, memory: "128MiB" },
      vms: { ...containers, provider: "qemu", memory: "128MiB" },
    };
    const lines = linesOf(() => planOf({ environments }));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      /^error: environments\.containers\.memory: got "128MiB"; a node needs \d+MiB for 8000 rows .*; at least \d+MiB$/,
    );
  });

  test("of a RAM disk that is too small are refused; a large one is taken", () => {
    expect(linesOf(() => planOf(withRamDisk("16MiB")))[0]).toMatch(
      /^error: environments\.containers\.ram_disk: got "16MiB"; the database needs \d+MiB/,
    );
    expect(planOf(withRamDisk("256MiB")).points[0]?.sizing.ramDiskMib).toBe(256);
  });
});

test("a deadline shorter than the estimate is refused with the estimate (B39)", () => {
  expect(linesOf(() => planOf({ deadline: "10s" }))).toEqual([
    'error: deadline: got "10s"; shorter than the plan\'s estimate of 30s for point 1; at least 30s, or leave it out',
  ]);
  expect(planOf({ deadline: "5m" }).points[0]?.deadlineSec).toBe(300);
});

test("a deadline of our own leaves room for a late main loop and for an outage", () => {
  const [point] = planOf().points;
  expect(point?.deadlineSec).toBeGreaterThan((point?.estimatedSec ?? 0) + 600);
});

test("the plan says what is worth knowing: partial batches, short loops, too few repetitions", () => {
  const plan = planOf({ rate: 6050, repetitions: 2 });
  expect(plan.points[0]?.notes).toEqual([
    "AG 100 does not divide K 2017: the last batch has 17",
    "under 30s: quotable false",
  ]);
  expect(plan.notes).toEqual(["2 repetitions: 6 are the least for an interval"]);
});
