import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunRow } from "#model/result-row";
import { InstallationHarness, parseSweep, until } from "#test/support/installation-harness";

const DURATION_SEC = 4;
/** What a run takes beside its main loop, on a machine that is busy with other things. */
const REST_SEC = 15;

let harness: InstallationHarness;
let undisturbed: RunRow;

beforeAll(async () => {
  harness = await InstallationHarness.up();
  const run = await harness.expectExit(0, "run", writeSpec(), "--json");
  [undisturbed] = parseSweep(run).runs as [RunRow];
});
afterAll(() => harness[Symbol.asyncDispose]());

/** The same each time, so that the databases have to end the same. */
const writeSpec = () => harness.writeSpec("survival", { duration: `${DURATION_SEC}s` });

function expectUndisturbed(row: RunRow | undefined): void {
  expect(row).toMatchObject({ status: "VALID", reason: "", attempt: 1, consistent: true, digest: undisturbed.digest });
}

test("a worker that is killed in the main loop costs nothing: the next one ends the same run within 20 s", async () => {
  const run = harness.start("run", writeSpec(), "--json");
  await harness.untilMainLoop(await run.sweepId());
  const killed = harness.service("worker");
  // The nodes go on, and are done by themselves.
  await harness.killService("worker", () => run.says(/^no worker answers, retrying/m));
  const backAt = performance.now();

  const result = await run.finished;
  expect(result).toMatchObject({ exitCode: 0 });
  expect(parseSweep(result).runs).toHaveLength(1);
  expectUndisturbed(parseSweep(result).runs[0]);
  expect(harness.service("worker")).toMatchObject({ restarts: killed.restarts + 1 });
  expect((performance.now() - backAt) / 1000).toBeLessThan(20 + REST_SEC);
  expect(await harness.resources()).toEqual([]);
});

test("a Temporal server that is killed and comes back is waited for, and the run ends as if nothing had been", async () => {
  const run = harness.start("run", writeSpec(), "--json");
  await harness.untilMainLoop(await run.sweepId());
  await harness.killService("temporal", () => run.says(/^Temporal server unreachable, retrying/m));
  const backAt = performance.now();
  await run.says(/^answers again/m, 30);

  const result = await run.finished;
  const recoverySec = (performance.now() - backAt) / 1000 - DURATION_SEC;
  expect(result).toMatchObject({ exitCode: 0 });
  expectUndisturbed(parseSweep(result).runs[0]);
  expect(recoverySec).toBeLessThan(30 + REST_SEC);
  expect(await harness.resources()).toEqual([]);
});

test("a sweep that is terminated from outside ends its followers, and its nodes go", async () => {
  const run = harness.start("run", harness.writeSpec("terminated", { duration: "10m" }), "--json");
  const sweepId = await run.sweepId();
  await harness.untilMainLoop(sweepId);
  await harness.terminate(sweepId, "by an operator");
  const result = await run.finished;
  expect(result).toMatchObject({ exitCode: 6, stderr: expect.stringMatching(/^error: .* was terminated/m) });
  expect(parseSweep(result)).toMatchObject({ sweep_id: sweepId, status: "FAILED" });
  await until("no node is left", 30, async () => (await harness.resources()).length === 0);
  expect(parseSweep(await harness.expectExit(0, "status", sweepId, "--json"))).toMatchObject({ status: "FAILED" });
});
