import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { STEPS } from "#model/run";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";

const OUTAGE_MS = 4000;
const HANG_SEC = 120;
/** From the server's SIGKILL until followers and workflows answer again. */
const SERVER_RECOVERY_SEC = 30;
const CALL_LIMIT_SEC = 10;

let chaos: ChaosHarness;
beforeAll(async () => {
  chaos = await ChaosHarness.up();
});
afterAll(() => chaos[Symbol.asyncDispose]());

test.for(STEPS)("F06: a Temporal server that is killed in %s and comes back loses no run", async (step) => {
  const sweep = await chaos.startSweep("f06");
  const { command } = sweep;
  await sweep.untilStep(step);
  const killedAtMs = Date.now();
  await chaos.installation.killService("temporal", () =>
    Promise.all([command.says(/^Temporal server unreachable, retrying/m), delay(OUTAGE_MS)]),
  );
  sweep.faultIsOver();
  await command.says(/^answers again/m, SERVER_RECOVERY_SEC);
  const recoverySec = (Date.now() - killedAtMs) / 1000;
  process.stdout.write(`${step}: answers again after ${recoverySec.toFixed(1)} s\n`);
  expect(recoverySec).toBeLessThan(SERVER_RECOVERY_SEC);

  const { rows, exitCode } = await sweep.ended();
  expect({ rows, exitCode }).toMatchObject({ rows: [{ status: "VALID", attempt: 1 }], exitCode: 0 });
  expect(await chaos.violations()).toEqual([]);
});

test("F07: a server that hangs for two minutes is told within 10 s, and the main loop goes on", async () => {
  const sweep = await chaos.startSweep("f07", { durationSec: 20 });
  await sweep.untilStep("main");
  const { pid } = chaos.installation.service("temporal");
  const hangingUntil = delay(HANG_SEC * 1000);
  process.kill(pid, "SIGSTOP");
  try {
    const spec = chaos.installation.writeSpec("another");
    const commands = [["status", sweep.id], ["cancel", sweep.id], ["pause", sweep.id], ["queue"], ["run", spec]];
    for (const command of commands) {
      const { exitCode, stderr, tookSec } = await chaos.installation.run(...command);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 5,
        stderr: expect.stringMatching(/^error: Temporal at 127\.0\.0\.1:\d+: .*(?:within|stopped answering).*\n?$/),
      });
      expect(tookSec).toBeLessThan(CALL_LIMIT_SEC);
    }
    await sweep.command.says(/^Temporal server unreachable, retrying/m);
    await hangingUntil;
  } finally {
    process.kill(pid, "SIGCONT");
  }
  sweep.faultIsOver();
  const { rows } = await sweep.ended();
  expect(rows).toMatchObject([{ status: "VALID", attempt: 1 }]);
  expect(await chaos.violations()).toEqual([]);
});
