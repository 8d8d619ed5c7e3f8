import { afterAll, beforeAll, expect, test } from "vitest";
import { median } from "#model/statistics";
import { until } from "#test/support/installation-harness";
import type { RunRow } from "#model/result-row";
import { readStep } from "#test/chaos/support/workflow-histories";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";

const CLEAN_WITHIN_SEC = 30;
const RUNS = 5;
/** A quiet machine's runs of this length differ by less, control plane disturbed or not. */
const LEAST_NOISE_PCT = 0.5;

let chaos: ChaosHarness;
beforeAll(async () => {
  chaos = await ChaosHarness.up();
});
afterAll(() => chaos[Symbol.asyncDispose]());

test("P1: a sweep of fifteen nodes that is cancelled is clean within 30 s", async () => {
  const sweep = await chaos.startSweep("cancelled", { nodes: 15, durationSec: 120, rest: { rate: 600 } });
  await sweep.untilStep("main");
  const cancelledAtMs = Date.now();
  await chaos.installation.expectExit(0, "cancel", sweep.id);
  sweep.faultIsOver();
  await until("nothing is left", CLEAN_WITHIN_SEC, async () => (await chaos.installation.resources()).length === 0);
  const cleanAfterSec = (Date.now() - cancelledAtMs) / 1000;
  process.stdout.write(`clean ${cleanAfterSec.toFixed(1)} s after cancel\n`);
  expect(cleanAfterSec).toBeLessThan(CLEAN_WITHIN_SEC);
  const { status } = await sweep.ended();
  expect(status).toBe("CANCELLED");
  expect(await chaos.violations()).toEqual([]);
});

/** A sweep of some runs. @param disturb - In the main loop of each. @returns Those that were VALID at their first attempt. */
async function measure(name: string, disturb: () => Promise<unknown>): Promise<RunRow[]> {
  const sweep = await chaos.startSweep(name, { durationSec: 10, rest: { repetitions: RUNS } });
  for (let repetition = 1; repetition <= RUNS; repetition++) {
    await sweep.untilStep("main", sweep.runIdOf({ repetition }));
    await disturb();
  }
  sweep.faultIsOver();
  const { rows } = await sweep.ended();
  // Other load on the machine may cost an attempt, of either arm; nobody disturbed the next one.
  const valid = rows.filter(({ status, attempt }) => status === "VALID" && attempt === 1);
  expect(valid.length).toBeGreaterThanOrEqual(RUNS - 1);
  return valid;
}

const deviationsOf = (rows: readonly RunRow[]) => rows.map(({ deviation_pct: deviation }) => deviation ?? Number.NaN);
const show = (all: readonly number[]) => all.map((value) => value.toFixed(3)).join(" ");

test("P2: faults of the control plane do not move the deviation by more than its noise", async () => {
  const { installation } = chaos;
  const quiet = deviationsOf(await measure("quiet", () => Promise.resolve()));
  const rows = await measure("disturbed", () => installation.restartServices("temporal", "worker"));
  const followers = await Promise.all(rows.map(({ run_id: runId }) => readStep(installation, runId, "main")));
  for (const { attempt } of followers) expect(attempt, "another worker took the main loop up").toBeGreaterThan(1);
  const disturbed = deviationsOf(rows);
  process.stdout.write(`deviation in percent, quiet: ${show(quiet)}; disturbed: ${show(disturbed)}\n`);
  const noise = Math.max(LEAST_NOISE_PCT, Math.max(...quiet) - Math.min(...quiet));
  expect(Math.abs(median(disturbed) - median(quiet))).toBeLessThan(noise);
  expect(await chaos.violations()).toEqual([]);
});
