import { describe, expect, test } from "vitest";
import { medianDifferenceInterval } from "#model/bootstrap";
import { compareRuns, isDecided } from "#model/comparison";
import type { RunRow } from "#model/result-row";
import { sweepFixture } from "#test/report/fixture-rows";

/** One point with these deviations, otherwise all equal. */
function runs(deviations: readonly number[], change: Partial<RunRow> = {}): RunRow[] {
  const [row] = sweepFixture({ allValid: true, modes: ["replicated"], nodes: [2], rates: [5000] }).rows;
  if (row === undefined) throw new Error("the fixture has no row");
  return deviations.map((deviation_pct, i) => ({
    ...row,
    environment: "containers",
    lateness_remote_p99_ms: 5,
    lateness_local_p99_ms: 1,
    sync_s: 1,
    provision_s: 1,
    deviation_pct,
    repetition: i + 1,
    ...change,
  }));
}

const SLOW = [2.1, 2.3, 2.2, 2.4, 2.6, 2.5];
const FAST = SLOW.map((value) => value - 1);

describe("a comparison", () => {
  test("calls b worse where it deviates more, with median, interval and p", () => {
    const { verdict, points } = compareRuns({ a: runs(FAST), b: runs(SLOW), seed: 1 });
    expect(verdict).toBe("worse");
    const [deviation] = points[0]?.differences ?? [];
    expect(deviation).toMatchObject({ column: "deviation_pct", change: "worse", isTooFew: false });
    expect(deviation?.difference).toBeCloseTo(1, 9);
    expect(deviation?.p).toBeCloseTo(2 / 924, 9);
    expect(deviation?.interval?.lower).toBeGreaterThan(0);
    expect(deviation?.interval?.upper).toBeLessThan(2);
  });

  test("takes each repetition once, also where two of its attempts are VALID", () => {
    const again = runs(
      SLOW.map((value) => value + 100),
      { attempt: 2 },
    );
    const { points } = compareRuns({ a: runs(FAST), b: [...runs(SLOW), ...again], seed: 1 });
    expect(points[0]?.differences[0]?.b).toMatchObject({ n: SLOW.length });
    expect(points[0]?.differences[0]?.difference).toBeCloseTo(1, 9);
  });

  test("calls b better where it deviates less", () => {
    expect(compareRuns({ a: runs(SLOW), b: runs(FAST), seed: 1 }).verdict).toBe("better");
  });

  test("shows nothing between equal sides", () => {
    const { verdict, points } = compareRuns({ a: runs(SLOW), b: runs(SLOW), seed: 1 });
    expect(verdict).toBe("~");
    expect(points[0]?.differences.map(({ change }) => change)).toEqual(["~", "~", "~", "~", "~"]);
  });

  test("says that three repetitions can show no difference, however far apart they are", () => {
    const { verdict, points } = compareRuns({ a: runs([1, 2, 3]), b: runs([90, 91, 92]), seed: 1 });
    expect(verdict).toBe("~");
    expect(points[0]?.differences[0]).toMatchObject({ isTooFew: true, change: "~" });
    expect(points[0]?.differences[0]?.interval).toBeUndefined();
  });

  test("leaves runs that are not VALID out of the figures", () => {
    const b = [...runs(SLOW), ...runs([99], { status: "SUSPECT" }), ...runs([99], { status: "INVALID" })];
    expect(compareRuns({ a: runs(SLOW), b, seed: 1 }).points[0]?.differences[0]?.b.n).toBe(6);
  });

  test("counts runs at their deadline with the deviation they had by then, and says that it was more", () => {
    const late = { status: "INVALID", reason: "deadline: 10 min", lateness_remote_p99_ms: null } as const;
    const b = runs(Array<number>(6).fill(150), late);
    const { points, verdict } = compareRuns({ a: runs(SLOW), b, seed: 1 });
    const [deviation, ...others] = points[0]?.differences ?? [];
    expect(deviation).toMatchObject({ change: "worse", b: { n: 6, median: 150, isLowerBound: true } });
    expect(deviation?.a.isLowerBound).toBe(false);
    expect(deviation?.interval).toBeUndefined();
    expect(others.map(({ column }) => column)).toEqual([]);
    expect(verdict).toBe("worse");
  });

  test("sets two environments of other names beside each other where each side has one", () => {
    const b = runs(FAST, { environment: "vms" });
    expect(compareRuns({ a: runs(SLOW), b, seed: 1 }).points).toHaveLength(1);
  });

  test("keeps environments apart where a side has several, and names what has no counterpart", () => {
    const a = [...runs(SLOW), ...runs(SLOW, { environment: "vms" })];
    const { points, onlyA, onlyB } = compareRuns({ a, b: runs(FAST), seed: 1 });
    expect(points.map((point) => point.a.factors.environment)).toEqual(["containers"]);
    expect(onlyA.map(({ factors }) => factors.environment)).toEqual(["vms"]);
    expect(onlyB).toEqual([]);
  });

  test("lets one small p among twelve points decide nothing, and one that stands among all decide", () => {
    const points = Array.from({ length: 12 }, (_, i) => i + 2);
    const side = (of: (nodes: number) => readonly number[]) => points.flatMap((nodes) => runs(of(nodes), { nodes }));
    const slightly = [2.15, 2.35, 2.45, 2.55, 2.65, 2.75, 2.85];
    const b = side((nodes) => (nodes === 2 ? slightly : SLOW));
    const one = compareRuns({ a: side(() => SLOW), b, seed: 1 });
    expect(one.points[0]?.differences[0]?.p).toBeLessThan(0.2);
    expect(one.verdict).toBe("~");
    const many = Array.from({ length: 10 }, (_, i) => i / 10);
    const clear = side((nodes) => (nodes === 2 ? many.map((value) => value + 5) : many));
    expect(compareRuns({ a: side(() => many), b: clear, seed: 1 }).verdict).toBe("worse");
  });
});

function evidenceOf(a: RunRow[], b: RunRow[]) {
  const comparison = compareRuns({ a, b, seed: 1 });
  return { evidence: comparison.points[0]?.evidence, verdict: comparison.verdict, decided: isDecided(comparison) };
}

/** The same at twelve points. */
const twelve = (values: readonly number[]) =>
  Array.from({ length: 12 }, (_, i) => runs(values, { nodes: i + 2 })).flat();

describe("a point says nothing", () => {
  const failed = runs([0], { status: "FAILED", reason: "node failed: exit 1", deviation_pct: null });

  test("but that b runs no more, which is worse whatever the number of repetitions", () => {
    expect(evidenceOf(runs(SLOW), failed)).toEqual({ evidence: "broken", verdict: "worse", decided: false });
    expect(evidenceOf(runs([1]), failed).verdict).toBe("worse");
    const atDeadline = runs([150, 150], { status: "INVALID", reason: "deadline: 10 min" });
    expect(evidenceOf(runs([1, 2]), atDeadline).verdict).toBe("worse");
  });

  test.each([
    ["only a's runs failed", failed, runs(SLOW)],
    ["b's runs were disturbed by others", runs(SLOW), runs(SLOW, { status: "SUSPECT", reason: "load burst: 30 %" })],
    ["b's lateness is not known", runs(SLOW), runs(SLOW, { lateness_remote_p99_ms: null })],
    ["nobody's runs ended", failed, failed],
  ])("where %s", (_, a, b) => {
    expect(evidenceOf(a, b)).toEqual({ evidence: "missing", verdict: "~", decided: false });
  });

  test("where two repetitions are as far apart as can be", () => {
    expect(evidenceOf(runs([0.1, 0.1]), runs([900, 901]))).toEqual({ evidence: "few", verdict: "~", decided: false });
  });

  test("where six repetitions cannot stand among 24 tests; seven can, and are what is asked for", () => {
    const six = compareRuns({ a: twelve(FAST), b: twelve(SLOW), seed: 1 });
    expect(six).toMatchObject({ verdict: "~", repetitionsNeeded: 7 });
    expect(six.points.every(({ evidence }) => evidence === "few")).toBe(true);
    const seven = compareRuns({ a: twelve([...FAST, 1.25]), b: twelve([...SLOW, 2.25]), seed: 1 });
    expect(seven).toMatchObject({ verdict: "worse", repetitionsNeeded: 7 });
    expect(seven.points.every(({ evidence }) => evidence === "enough")).toBe(true);
  });
});

test("lateness that no side has, for want of remotes, leaves the deviation to decide", () => {
  const alone = { lateness_remote_p99_ms: null };
  const comparison = compareRuns({ a: runs(SLOW, alone), b: runs(SLOW, alone), seed: 1 });
  expect(isDecided(comparison)).toBe(true);
});

test("points of one side only leave it open", () => {
  const b = [...runs(SLOW), ...runs(SLOW, { nodes: 9 })];
  expect(isDecided(compareRuns({ a: runs(SLOW), b, seed: 1 }))).toBe(false);
});

test("the bootstrap's interval is the same for the same seed, and holds the difference of the medians", () => {
  const interval = medianDifferenceInterval(FAST, SLOW, 7);
  expect(medianDifferenceInterval(FAST, SLOW, 7)).toEqual(interval);
  expect(interval.lower).toBeLessThanOrEqual(1);
  expect(interval.upper).toBeGreaterThanOrEqual(1);
});

/** Of 0..1, spread as if by chance. */
const sample = (start: number): number[] =>
  Array.from({ length: 15 }, (_, i) => ((start * 7919 + i * 104_729) % 1009) / 1009);

test("the bootstrap covers the true difference about as often as it says", () => {
  // Twenty pairs of samples of one distribution, so that the true difference is 0; 95 % would be 19.
  const covered = Array.from({ length: 20 }, (_, i) =>
    medianDifferenceInterval(sample(i * 2 + 1), sample(i * 2 + 2), i),
  ).filter(({ lower, upper }) => lower <= 0 && upper >= 0).length;
  expect(covered).toBeGreaterThanOrEqual(17);
});
