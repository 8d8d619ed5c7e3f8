import { expect, test } from "vitest";
import { STEPS } from "#model/run";
import { AS_IF_NOTHING_HAD_BEEN, crashAt } from "#test/chaos/support/crash-points";
import { WORKER_RECOVERY_SEC } from "#test/chaos/support/recovery";

test.for(STEPS)("F01: a worker that dies before the work of %s costs nothing: the next one does it", async (step) => {
  const outcome = await crashAt(step, "before");
  expect(outcome).toMatchObject(AS_IF_NOTHING_HAD_BEEN);
  expect(outcome.recoverySec).toBeLessThan(WORKER_RECOVERY_SEC);
});

test.for(STEPS)("F02: a worker that dies after the work of %s: the next one adopts what is there", async (step) => {
  const outcome = await crashAt(step, "after");
  expect(outcome).toMatchObject(AS_IF_NOTHING_HAD_BEEN);
  expect(outcome.recoverySec).toBeLessThan(WORKER_RECOVERY_SEC);
});
