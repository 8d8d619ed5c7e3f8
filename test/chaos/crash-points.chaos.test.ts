import { test } from "vitest";
import { STEPS } from "#model/run";
import { expectCrashSurvived } from "#test/chaos/support/crash-points";

test.for(STEPS)("F01: a worker that dies before the work of %s costs nothing: the next one does it", (step) =>
  expectCrashSurvived(step, "before"),
);

test.for(STEPS)("F02: a worker that dies after the work of %s left it: the next one adopts what is there", (step) =>
  expectCrashSurvived(step, "after"),
);
