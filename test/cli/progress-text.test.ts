import { expect, test } from "vitest";
import { describePause, describeStep } from "#cli/progress-text";
import type { RunView } from "#cli/sweep-client";
import { viewOf } from "#model/host-outlook";
import { newHostQueue } from "#model/host-queue";
import type { HostQueue } from "#model/host-queue";
import type { SweepProgress } from "#model/sweep-progress";

const NOW_MS = Date.parse("2026-01-01T00:00:12Z");

test("a step that is held up says by what", () => {
  const view = {
    run: { runId: "sample-p1-r1-a1", step: "provision", stepStartedAt: "2026-01-01T00:00:00Z" },
    progress: { step: "provision", nodesDone: 0, nodes: 2, waitingFor: "a quiet host: 63 % foreign CPU" },
  } as unknown as RunView;
  expect(describeStep(view, NOW_MS)).toBe("provision waits for a quiet host: 63 % foreign CPU (12s)");
});

test("a run in line says what it waits for, its place, and about how long it may take", () => {
  const place = { priority: 0, arrivedAt: "", ticket: 1, laterSec: 30 };
  const since = "2026-01-01T00:00:02Z";
  const wanted = { holder: "run-sample-p1-r1-a1", since, estimatedSec: 10 };
  const queue: HostQueue = {
    ...newHostQueue("local", since),
    now: { state: "leased", holder: "run-x", owner: "sweep-x", since, estimatedSec: 20 },
    line: [
      { ...place, owner: "sweep-x" },
      { ...place, owner: "sweep-sample", wanted },
    ],
  };
  const run = { runId: "sample-p1-r1-a1", step: "queued", stepStartedAt: "2026-01-01T00:00:00Z" } as const;
  const view: RunView = { title: "", run, queue: viewOf(queue, since) };
  expect(describeStep(view, NOW_MS)).toBe(
    "waits for host local, where run-x measures, place 2, starts in about 40s (12s)",
  );
});

test("a paused sweep says how it goes on", () => {
  const sweep = { sweepId: "s", isPaused: true } as SweepProgress;
  expect(describePause(sweep)).toBe("PAUSED, goes on with: meshbench resume s");
  expect(describePause({ ...sweep, currentRunId: "r" })).toBe(
    "PAUSED after this run, goes on with: meshbench resume s",
  );
  expect(describePause({ ...sweep, isPaused: false })).toBe("");
});
