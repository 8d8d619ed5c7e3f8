import { expect, test } from "vitest";
import { describeStep } from "#cli/progress-text";
import type { RunView } from "#cli/sweep-client";

const NOW_MS = Date.parse("2026-01-01T00:00:12Z");

test("a step that is held up says by what", () => {
  const view = {
    run: { runId: "sample-p1-r1-a1", step: "provision", stepStartedAt: "2026-01-01T00:00:00Z" },
    progress: { step: "provision", nodesDone: 0, nodes: 2, waitingFor: "a quiet host: 63 % foreign CPU" },
  } as unknown as RunView;
  expect(describeStep(view, NOW_MS)).toBe("provision waits for a quiet host: 63 % foreign CPU (12s)");
});
