import { expect, test } from "vitest";
import { packPlan, unpackPlan } from "#model/packed-plan";
import type { Plan, PointPlan } from "#model/plan";
import { sampleRun } from "#test/support/sample-run";

const PAYLOAD_LIMIT_BYTES = 256 * 1024;

/** Points that differ in all that a matrix can vary. */
function planOf(pointCount: number): Plan {
  const { point, sizing } = sampleRun();
  const points = Array.from({ length: pointCount }, (_, i): PointPlan => {
    const index = i + 1;
    return {
      point: {
        ...point,
        index,
        environment: `environment-with-a-long-name-${index % 2}`,
        mode: index % 2 ? "replicated" : "baseline",
        nodes: index,
        ratePerMin: 240_000 + index,
        aggregation: 100 + index,
        durationSec: 60 + index,
        cpus: 0.5 * index,
        memoryMib: 4096 + index,
      },
      sizing: { ...sizing, bufferPoolMib: 128 + index, redoLogMib: 96 + index, ramDiskMib: 1024 + index },
      rowsPerDatabase: 10_000,
      memoryNeededMib: 512,
      deadlineSec: 3_000 + index,
      estimatedSec: 90 + index / 10,
      notes: ["the last batch of each node is partial"],
    };
  });
  const runs = points.map(({ point: { index } }) => ({ point: index, repetition: 1 }));
  const spec = {} as Plan["spec"];
  return { spec, points, skipped: [], runs, estimatedSec: 1, notes: [] };
}

test("a packed plan unpacks to the same points and runs", () => {
  const plan = planOf(5);
  const { points, runs } = unpackPlan(packPlan(plan));
  expect(runs).toEqual(plan.runs);
  for (const { point, sizing, deadlineSec, estimatedSec } of plan.points) {
    expect(points.get(point.index)).toEqual({ point, sizing, deadlineSec, estimatedSec });
  }
});

test("a plan of one point keeps nothing but its common values", () => {
  const packed = packPlan(planOf(1));
  expect(packed.points.columns).toEqual([]);
  expect(unpackPlan(packed).points.get(1)?.point).toEqual(planOf(1).points[0]?.point);
});

test("500 points that differ in everything stay far below a payload's limit", () => {
  const packed = JSON.stringify(packPlan(planOf(500)));
  expect(packed.length).toBeLessThan(PAYLOAD_LIMIT_BYTES / 2);
});
