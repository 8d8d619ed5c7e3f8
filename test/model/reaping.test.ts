import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isPastDeadline, judgeIntent, judgeLeftover } from "#model/reaping";
import type { Leftover, ReapingRule, RunOutcome } from "#model/reaping";

const NOW = new Date("2026-01-01T12:00:00.000Z");
const OUTCOMES = ["open", "ended", "kept", "unknown", undefined] as const;
const minutesFromNow = (minutes: number) => new Date(NOW.getTime() + minutes * 60_000).toISOString();

const runId = fc.constantFrom("sweep-p1-r1-a1", "sweep-p1-r1-a10", "quick-20260101-120000-abc123-p2-r3-a1");
const deadlineAt = fc.integer({ min: -60, max: 60 }).map(minutesFromNow);
const outcome = fc.constantFrom<RunOutcome | undefined>(...OUTCOMES);
const nonsense = fc.constantFrom("", "soon", "2026-13-45T00:00:00Z", "../../etc", "meshbench", "$(id)");
const ours = fc.record({ runId, host: fc.constant("here"), deadlineAt });

const judge = (leftover: Leftover, rule: Partial<ReapingRule> = {}) =>
  judgeLeftover(leftover, { host: "here", now: NOW, outcome: "unknown", ...rule });

const every = <T extends [unknown, ...unknown[]]>(
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  check: (...values: T) => void,
) => fc.assert(fc.property<T>(...arbitraries, check), { numRuns: 2000 });

describe("a leftover", () => {
  test("of another host is never touched, whatever else it says", () => {
    const host = fc.string().filter((text) => text !== "here");
    every([fc.record({ runId: fc.oneof(runId, nonsense), host, deadlineAt }), outcome], (leftover, answer) => {
      expect(judge(leftover, { outcome: answer }).action).toBe("keep");
    });
  });

  test("whose label names no run is never touched", () => {
    every([fc.record({ runId: nonsense, host: fc.constant("here"), deadlineAt }), outcome], (leftover, answer) => {
      expect(judge(leftover, { outcome: answer }).action).toBe("keep");
    });
  });

  test("before its deadline goes only where Temporal says that its run has ended", () => {
    every([ours, outcome], (leftover, answer) => {
      fc.pre(Date.parse(leftover.deadlineAt) >= NOW.getTime());
      expect(judge(leftover, { outcome: answer }).action).toBe(answer === "ended" ? "remove" : "keep");
    });
  });

  test("past its deadline goes within 5 minutes, whatever Temporal says or does not say", () => {
    every([ours, outcome], (leftover, answer) => {
      const now = new Date(Date.parse(leftover.deadlineAt) + 4 * 60_000);
      expect(judge(leftover, { outcome: answer, now }).action).toBe("remove");
    });
  });

  test("that may go stays removable: time takes no decision back", () => {
    every([ours, outcome, fc.nat(1e9)], (leftover, answer, laterMs) => {
      fc.pre(judge(leftover, { outcome: answer }).action === "remove");
      const later = judge(leftover, { outcome: answer, now: new Date(NOW.getTime() + laterMs) });
      expect(later.action).toBe("remove");
    });
  });

  test("whose deadline cannot be read goes only with its run", () => {
    every([runId, nonsense, outcome], (id, deadline, answer) => {
      const leftover = { runId: id, host: "here", deadlineAt: deadline };
      expect(judge(leftover, { outcome: answer }).action).toBe(answer === "ended" ? "remove" : "keep");
    });
  });

  test.for([
    [-1, "open", "keep"],
    [-4, "open", "remove"],
    [-1, "kept", "remove"],
    [1, "kept", "keep"],
    [1, "unknown", "keep"],
    [1, undefined, "keep"],
    [-1, undefined, "remove"],
    [1, "ended", "remove"],
  ] as const)("%d min from its deadline with a run that is %s: %s", ([minutes, answer, action]) => {
    const leftover = { runId: "sweep-p1-r1-a1", host: "here", deadlineAt: minutesFromNow(minutes) };
    expect(judge(leftover, { outcome: answer })).toMatchObject({ action, why: expect.stringMatching(/\w/) });
  });
});

test("clocks that differ by some seconds end no deadline early", () => {
  expect(isPastDeadline(NOW.toISOString(), new Date(NOW.getTime() + 9_000))).toBe(false);
  expect(isPastDeadline(NOW.toISOString(), new Date(NOW.getTime() + 11_000))).toBe(true);
});

describe("an entry of the ledger", () => {
  test("gets a row for a lost history exactly where the run is over and has none", () => {
    every([deadlineAt, fc.boolean(), outcome], (deadline, hasRow, answer) => {
      const verdict = judgeIntent({ deadlineAt: deadline, hasRow }, { now: NOW, outcome: answer });
      const isOver = answer === "ended" || (answer !== "open" && isPastDeadline(deadline, NOW));
      expect(verdict).toBe(isOver ? (hasRow ? "close" : "lost") : "wait");
    });
  });

  test("of an open run waits, however late it is", () => {
    const entry = { deadlineAt: minutesFromNow(-1000), hasRow: false };
    expect(judgeIntent(entry, { now: NOW, outcome: "open" })).toBe("wait");
  });
});
