import { afterAll, beforeAll, expect, test } from "vitest";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import { SERVER_RECOVERY_SEC, WORKER_RECOVERY_SEC } from "#test/chaos/support/recovery";

let chaos: ChaosHarness;
beforeAll(async () => {
  chaos = await ChaosHarness.up();
});
afterAll(() => chaos[Symbol.asyncDispose]());

test("F04: a worker that is killed in the main loop costs nothing: the next one goes on within 20 s", async () => {
  const { installation } = chaos;
  const sweep = await chaos.startSweep("worker-killed");
  await sweep.untilStep("main");
  const { restarts } = installation.service("worker");
  const killedAtMs = Date.now();
  // The nodes go on, and are done by themselves.
  process.kill(installation.service("worker").pid, "SIGKILL");
  sweep.faultIsOver();

  const { rows, exitCode } = await sweep.ended();
  expect({ rows, exitCode }).toMatchObject({ rows: [{ status: "VALID", reason: "", attempt: 1 }], exitCode: 0 });
  const worker = installation.service("worker");
  expect(worker.restarts).toBe(restarts + 1);
  const record = await sweep.step("main");
  expect(record).toMatchObject({ attempt: 2, workerPid: worker.pid });
  expect((record.startedAtMs - killedAtMs) / 1000).toBeLessThan(WORKER_RECOVERY_SEC);
  expect(await chaos.violations()).toEqual([]);
});

test("F06: a Temporal server that is killed in the main loop and comes back loses no run", async () => {
  const sweep = await chaos.startSweep("server-killed");
  const { command } = sweep;
  await sweep.untilStep("main");
  const killedAtMs = Date.now();
  await chaos.installation.killService("temporal", () => command.says(/^Temporal server unreachable, retrying/m));
  sweep.faultIsOver();
  await command.says(/^answers again/m, SERVER_RECOVERY_SEC);
  expect((Date.now() - killedAtMs) / 1000).toBeLessThan(SERVER_RECOVERY_SEC);

  const { rows, exitCode } = await sweep.ended();
  expect({ rows, exitCode }).toMatchObject({ rows: [{ status: "VALID", reason: "", attempt: 1 }], exitCode: 0 });
  expect(await chaos.violations()).toEqual([]);
});

test("F09: a sweep that is terminated from outside ends its followers, and its nodes go", async () => {
  const { installation } = chaos;
  const sweep = await chaos.startSweep("terminated", { durationSec: 600 });
  await sweep.untilStep("main");
  await installation.terminate(sweep.id, "by an operator");
  sweep.faultIsOver();
  const { status, exitCode } = await sweep.ended();
  expect({ status, exitCode }).toEqual({ status: "FAILED", exitCode: 6 });
  expect(sweep.output?.stderr).toMatch(/^error: .* was terminated/m);
  expect(await chaos.violations()).toEqual([]);
});
