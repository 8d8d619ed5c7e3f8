import { rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LABEL } from "#model/ids";
import { STEPS } from "#model/run";
import { parseSweep, until } from "#test/support/installation-harness";
import { locateInstallation } from "#worker/installation";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import { SERVER_RECOVERY_SEC } from "#test/chaos/support/recovery";

const OUTAGE_MS = 4000;
const HANG_SEC = 120;
const CALL_LIMIT_SEC = 10;
const SHORT_DEADLINE_SEC = 25;
/** After the deadline. */
const REAPED_AFTER_SEC = 300;

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

/** @returns What it removed, and runs whose history is lost. */
async function reap(): Promise<{ removed: unknown[]; history_lost: string[] }> {
  const { stdout } = await chaos.installation.expectExit(0, "reap", "--json");
  const { temporal_answers: answers, hosts } = JSON.parse(stdout) as Reaping;
  expect(answers).toBe(false);
  return hosts[0] as Reaping["hosts"][number];
}

interface Reaping {
  readonly temporal_answers: boolean;
  readonly hosts: { removed: unknown[]; history_lost: string[] }[];
}

test("F08: a run whose history is lost is gone soon after its deadline, and has its row, without any server", async () => {
  const { installation, events } = chaos;
  const sweep = await chaos.startSweep("f08", { durationSec: 10, rest: { deadline: `${SHORT_DEADLINE_SEC}s` } });
  await sweep.untilStep("main");
  const [node] = events.ofNodes(installation.hostId, "create").slice(-1);
  const deadlineMs = Date.parse(node?.attributes[LABEL.deadline] ?? "");
  await installation.killService("temporal", async () => {
    for (const suffix of ["", "-shm", "-wal"]) {
      rmSync(`${locateInstallation(installation.env).temporalDatabase}${suffix}`, { force: true });
    }
    const early = await reap();
    expect(early).toMatchObject({ removed: [], history_lost: [] });
    await until("the ledger has the lost run", SHORT_DEADLINE_SEC + REAPED_AFTER_SEC, async () =>
      (await reap()).history_lost.includes(sweep.runId),
    );
    expect(await installation.resources()).toEqual([]);
    expect((Date.now() - deadlineMs) / 1000).toBeLessThan(REAPED_AFTER_SEC);
  });
  sweep.faultIsOver();
  const { status, rows } = await sweep.ended();
  expect({ status, rows }).toMatchObject({
    status: "FAILED",
    rows: [{ run_id: sweep.runId, status: "FAILED", reason: expect.stringMatching(/^history lost: /) }],
  });

  // The reaper's schedule went with the database.
  await until("a worker that knows the new server has its schedule there", 60, async () =>
    (await installation.withClient((client) => Array.fromAsync(client.schedule.list()))).some(({ scheduleId }) =>
      scheduleId.endsWith(installation.hostId),
    ),
  );
  const resumed = parseSweep(await installation.expectExit(0, "resume", sweep.id, "--only", "failed", "--json"));
  expect(resumed.runs).toMatchObject([{ status: "FAILED" }, { status: "VALID", attempt: 2 }]);
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
    const commands = [["cancel", sweep.id], ["pause", sweep.id], ["queue"], ["run", spec]];
    for (const command of commands) {
      const { exitCode, stderr, tookSec } = await chaos.installation.run(...command);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 5,
        stderr: expect.stringMatching(/^error: Temporal at 127\.0\.0\.1:\d+: no Temporal server answers there within/),
      });
      expect(tookSec).toBeLessThan(CALL_LIMIT_SEC);
    }
    const status = await chaos.installation.expectExit(0, "status", sweep.id);
    expect(status.stderr).toMatch(/^only what is stored is shown: .*no Temporal server answers there within/);
    expect(status.tookSec).toBeLessThan(CALL_LIMIT_SEC);
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
