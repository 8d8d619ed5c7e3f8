import { expect, test, vi } from "vitest";
import { crashPoint } from "#activities/crash-point";

test.for([
  [{ MESHBENCH_TEST: "1", CRASH_AT: "main:before" }, 1],
  [{ MESHBENCH_TEST: "1", CRASH_AT: "main:after" }, 0],
  [{ MESHBENCH_TEST: "1", CRASH_AT: "sync:before" }, 0],
  [{ MESHBENCH_TEST: "1" }, 0],
  [{ CRASH_AT: "main:before" }, 0],
] as const)("with %o it crashes %i times before the main loop", ([env, times]) => {
  const crash = vi.fn<() => void>();
  crashPoint("main", "before", env, crash);
  expect(crash).toHaveBeenCalledTimes(times);
});
