import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RunStatus } from "#model/errors";
import { allWork, workAgain, workLeft } from "#model/sweep-work";
import type { PastAttempt, RepeatableStatus } from "#model/sweep-work";

const RUNS = [
  { point: 2, repetition: 1 },
  { point: 1, repetition: 1 },
];
const ATTEMPTS = 2;

/** What became of point 1's attempts, first to last; a `!` says that the same again would end the same way. */
const past = (...endings: string[]): PastAttempt[] =>
  endings.map((ending, i) => {
    const status = ending.replace("!", "") as RunStatus;
    const mayDoBetter = (status === "INVALID" || status === "FAILED") && !ending.endsWith("!");
    return { point: 1, repetition: 1, attempt: i + 1, status, deservesFreshRun: mayDoBetter };
  });

const left = (...endings: string[]) =>
  workLeft(RUNS, past(...endings), ATTEMPTS)
    .filter(({ point }) => point === 1)
    .map(({ attempt, used }) => ({ attempt, used }));

const again = (endings: string[], only: RepeatableStatus[]) =>
  workAgain(RUNS, past(...endings), only).map(({ attempt, used }) => ({ attempt, used }));

describe("a sweep that goes on", () => {
  test("has everything left where nothing was measured, in the plan's order", () => {
    expect(workLeft(RUNS, [], ATTEMPTS)).toEqual(allWork(RUNS));
  });

  test.for([["VALID"], ["SUSPECT"], ["INVALID", "VALID"], ["SUSPECT", "FAILED"]])(
    "never measures what is proven again: %s",
    (endings) => expect(left(...endings)).toEqual([]),
  );

  test.for([["FAILED!"], ["INVALID", "INVALID"], ["FAILED", "CANCELLED", "INVALID"]])(
    "gives up what has its attempts used up, or would fail the same way: %s",
    (endings) => expect(left(...endings)).toEqual([]),
  );

  test("counts attempts on, of which a cancelled one uses none up", () => {
    expect(left("INVALID")).toEqual([{ attempt: 2, used: 1 }]);
    expect(left("CANCELLED")).toEqual([{ attempt: 2, used: 0 }]);
    expect(left("CANCELLED", "INVALID", "CANCELLED")).toEqual([{ attempt: 4, used: 1 }]);
  });

  test("measures again what ended as asked, with all attempts", () => {
    expect(again(["INVALID", "INVALID"], ["INVALID"])).toEqual([{ attempt: 3, used: 0 }]);
    expect(again(["SUSPECT"], ["FAILED", "SUSPECT"])).toEqual([{ attempt: 2, used: 0 }]);
    expect(again(["INVALID", "VALID"], ["INVALID"])).toEqual([]);
    expect(again([], ["FAILED"])).toEqual([]);
  });
});

const statuses = fc.constantFrom<RunStatus>("VALID", "SUSPECT", "INVALID", "FAILED", "CANCELLED");
const attempts = fc.record({
  point: fc.integer({ min: 1, max: 3 }),
  repetition: fc.integer({ min: 1, max: 2 }),
  attempt: fc.integer({ min: 1, max: 4 }),
  status: statuses,
  deservesFreshRun: fc.boolean(),
});
const PLANNED = [3, 1, 2].flatMap((point) => [1, 2].map((repetition) => ({ point, repetition })));

function isRightWork(tried: PastAttempt[]): boolean {
  const work = workLeft(PLANNED, tried, ATTEMPTS);
  const positions = work.map((item) =>
    PLANNED.findIndex((run) => run.point === item.point && run.repetition === item.repetition),
  );
  const isInOrder = positions.join() === positions.toSorted((a, b) => a - b).join();
  const areFresh = work.every(({ point, repetition, attempt, used }) => {
    const same = tried.filter((one) => one.point === point && one.repetition === repetition);
    return used < ATTEMPTS && same.every((one) => one.attempt < attempt && one.status !== "VALID");
  });
  return isInOrder && areFresh;
}

test("whatever was measured: no attempt is repeated, none beyond the limit begun, and the order kept", () => {
  const distinct = fc.uniqueArray(attempts, {
    selector: ({ point, repetition, attempt }) => `${point}/${repetition}/${attempt}`,
  });
  expect(fc.check(fc.property(distinct, isRightWork)).counterexample).toBeNull();
});

/** One life of a sweep, from its start or resumption until it ended, of itself or not. */
interface Life {
  /** What became of the attempts, in order; with the last one the life ends. */
  readonly endings: readonly Pick<PastAttempt, "status" | "deservesFreshRun">[];
}

const lives: fc.Arbitrary<Life[]> = fc.array(
  fc.record({
    endings: fc.array(fc.record({ status: statuses, deservesFreshRun: fc.boolean() }), { minLength: 1, maxLength: 8 }),
  }),
  { maxLength: 12 },
);

/** Measures as a sweep does: fresh attempts until one counts, then the next repetition. */
function live(tried: readonly PastAttempt[], { endings }: Life): PastAttempt[] {
  const queue = [...endings];
  const measured: PastAttempt[] = [];
  for (const { point, repetition, attempt: first, used } of workLeft(PLANNED, tried, ATTEMPTS)) {
    for (let attempt = first; attempt - first + used < ATTEMPTS; attempt++) {
      const ending = queue.shift();
      if (ending === undefined) return measured;
      measured.push({ point, repetition, attempt, ...ending });
      const isFailure = ending.status === "INVALID" || ending.status === "FAILED";
      if (!isFailure || !ending.deservesFreshRun) break;
    }
  }
  return measured;
}

function livesRight(history: readonly Life[]): boolean {
  const tried: PastAttempt[] = [];
  for (const life of history) tried.push(...live(tried, life));
  return PLANNED.every((run) => {
    const same = tried.filter(({ point, repetition }) => point === run.point && repetition === run.repetition);
    const counted = same.filter(({ status }) => status !== "CANCELLED");
    const proven = same.filter(({ status }) => status === "VALID" || status === "SUSPECT");
    const numbers = same.map(({ attempt }) => attempt);
    return counted.length <= ATTEMPTS && proven.length <= 1 && numbers.every((attempt, i) => attempt === i + 1);
  });
}

test("however often a sweep ends and is resumed: one proven run each, no attempt too many, none numbered twice", () => {
  expect(fc.check(fc.property(lives, livesRight), { numRuns: 1000 }).counterexample).toBeNull();
});
