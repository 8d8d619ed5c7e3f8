import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PlainLines } from "#cli/progress-display";
import type { RunView } from "#cli/sweep-client";
import type { RunRow } from "#model/result-row";
import type { SweepProgress } from "#model/sweep-progress";

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse("2026-01-01T00:00:00Z") });
});
afterEach(() => {
  vi.useRealTimers();
});

const sweepOf = (runsDone: number) => ({ runsDone, runsPlanned: 2, secLeft: 70, isPaused: false }) as SweepProgress;

function viewOf(runId: string, step: RunView["run"]["step"], tuples?: number): RunView {
  const run = { runId, step, stepStartedAt: "2026-01-01T00:00:00Z" };
  if (tuples === undefined) return { title: "containers replicated N=2", run };
  return { title: "", run, progress: { step: "main", nodesDone: 0, nodes: 2, tuples, tuplesExpected: 400 } };
}

test("a log has a line for each run that begins, one now and then while it lasts, and one for its end", () => {
  const lines: string[] = [];
  const display = new PlainLines({ everyMs: 15_000, write: (line) => lines.push(line) });
  display.progress(sweepOf(0), undefined);
  display.progress(sweepOf(0), viewOf("r1", "queued"));
  display.progress(sweepOf(0), viewOf("r1", "provision"));
  vi.advanceTimersByTime(14_000);
  display.progress(sweepOf(0), viewOf("r1", "main", 100));
  vi.advanceTimersByTime(1_000);
  display.progress(sweepOf(0), viewOf("r1", "main", 180));
  const row = { run_id: "r1", status: "VALID", environment: "containers", mode: "replicated", nodes: 2 } as RunRow;
  const figures = { rate_per_min: 6000, deviation_pct: 0.4789, lateness_remote_p99_ms: 12.34, reason: "" };
  display.finished({ ...row, ...figures });
  display.finished({ ...row, ...figures });
  display.progress(sweepOf(1), viewOf("r2", "queued"));
  expect(lines).toEqual([
    "run 1/2  r1  containers replicated N=2  about 1m 10s left",
    "run 1/2  main 45 % (15s)  about 55s left",
    "VALID      r1  containers replicated N=2 D=6000  deviation +0.479 %, remote p99 12.3 ms",
    "run 2/2  r2  containers replicated N=2  about 1m 10s left",
  ]);
});
