import { expect, test, vi } from "vitest";
import { crashPoint } from "#activities/crash-point";

test.for([
  [{ MESHBENCH_TEST: "1", CRASH_AT: "main:before" }, 1, 1],
  [{ MESHBENCH_TEST: "1", CRASH_AT: "main:before" }, 2, 0],
  [{ MESHBENCH_TEST: "1", CRASH_AT: "main:after" }, 1, 0],
  [{ MESHBENCH_TEST: "1", CRASH_AT: "sync:before" }, 1, 0],
  [{ MESHBENCH_TEST: "1" }, 1, 0],
  [{ CRASH_AT: "main:before" }, 1, 0],
] as const)("with %o, in attempt %i, it crashes %i times before the main loop", ([env, attempt, times]) => {
  const crash = vi.fn<() => void>();
  crashPoint({ step: "main", moment: "before", attempt }, env, crash);
  expect(crash).toHaveBeenCalledTimes(times);
});
