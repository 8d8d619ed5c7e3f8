import { describe, expect, test } from "vitest";
import { countedRuns, hitDeadline, replacedAttempts, summariseColumn, summarisePoints } from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import { sweepFixture, withColumns } from "#test/report/fixture-rows";

const { rows } = sweepFixture();
const points = summarisePoints(rows);

describe("points of a sweep", () => {
  test("hold every attempt exactly once", () => {
    expect(points).toHaveLength(2 * 2 * 6);
    expect(points.flatMap((point) => point.rows)).toHaveLength(rows.length);
    expect(new Set(points.flatMap((point) => point.rows))).toEqual(new Set(rows));
  });

  test("come in the order of their factors whatever the order of the runs", () => {
    const shuffled = summarisePoints(rows.toReversed());
    const order = points.map(({ factors }) => [factors.mode, factors.rate_per_min, factors.environment]);
    expect(order.slice(0, 3)).toEqual([
      ["baseline", 5000, "containers"],
      ["baseline", 5000, "vms"],
      ["baseline", 20_000, "containers"],
    ]);
    expect(shuffled.map(({ factors }) => [factors.mode, factors.rate_per_min, factors.environment])).toEqual(order);
  });

  test("count every status, the attempts that were replaced included", () => {
    const withReplaced = points.find((point) =>
      point.rows.some((row) => row.attempt === 2 && row.rate_per_min === 20_000),
    );
    expect(withReplaced?.statusCounts).toMatchObject({ VALID: 7, FAILED: 1 });
  });

  test("keep all that is not VALID outside the median", () => {
    const suspect = points.find((point) => point.statusCounts.SUSPECT === 1);
    expect(suspect && summariseColumn(suspect.rows, "deviation_pct")).toMatchObject({ n: 6 });
  });

  test("say how many attempts ended at their deadline", () => {
    const atDeadline = points.filter(({ deadlineCount }) => deadlineCount > 0);
    expect(atDeadline.length).toBeGreaterThan(0);
    for (const point of atDeadline) expect(point.rows.filter(hitDeadline)).toHaveLength(point.deadlineCount);
  });

  test("are quotable only where all their VALID repetitions are", () => {
    expect(points.filter(({ valid }) => valid.length > 0).every(({ quotable }) => quotable)).toBe(true);
    expect(summarisePoints(sweepFixture({ durationSec: 10 }).rows).some(({ quotable }) => quotable)).toBe(false);
  });
});

test("an attempt is replaced when a later one of its repetition is there", () => {
  const replaced = [...replacedAttempts(rows)];
  expect(replaced.map(({ status, attempt }) => ({ status, attempt }))).toEqual([
    { status: "FAILED", attempt: 1 },
    { status: "INVALID", attempt: 1 },
  ]);
});

test("a repetition counts once, with the attempt that was VALID first", () => {
  const [first] = rows.filter(({ status }) => status === "VALID") as [RunRow];
  const [later] = withColumns([first], { attempt: first.attempt + 1, deviation_pct: 1000 }) as [RunRow];
  for (const both of [
    [first, later],
    [later, first],
  ]) {
    expect(countedRuns(both)).toEqual([first]);
    expect(summariseColumn(both, "deviation_pct")).toMatchObject({ n: 1, max: first.deviation_pct });
    expect(summarisePoints(both)).toMatchObject([{ rows: both, valid: [first], statusCounts: { VALID: 2 } }]);
  }
  const failed = withColumns([first], { status: "FAILED" });
  expect(countedRuns([...failed, later])).toEqual([later]);
});

describe("a column's summary", () => {
  const repetitions = rows.filter((row) => row.status === "VALID").slice(0, 6);

  test("has an interval from six repetitions on", () => {
    expect(summariseColumn(repetitions, "deviation_pct")?.interval).toBeDefined();
    expect(summariseColumn(repetitions.slice(1), "deviation_pct")).not.toHaveProperty("interval");
  });

  test("does not exist without a VALID figure", () => {
    expect(summariseColumn(withColumns(repetitions, { status: "SUSPECT" }), "deviation_pct")).toBe(undefined);
    expect(summariseColumn(withColumns(repetitions, { sync_s: null }), "sync_s")).toBe(undefined);
  });
});
