/** `collect` as a user types it, with workflows on a real Temporal server and a host that is memory. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { BenchError } from "#model/errors";
import type { RunRow } from "#model/result-row";
import { runMeshbench } from "#test/support/meshbench-command";
import { sampleRun } from "#test/support/sample-run";
import { TempDir } from "#test/support/temp-dir";
import { WorkflowHarness } from "#test/support/workflow-harness";

let harness: WorkflowHarness;
const home = new TempDir();
beforeAll(async () => {
  harness = await WorkflowHarness.start();
});
afterAll(async () => {
  await harness.close();
  home[Symbol.dispose]();
});

function meshbench(...args: string[]) {
  const env = { ...process.env, MESHBENCH_HOME: home.path, TEMPORAL_ADDRESS: harness.env.address };
  return runMeshbench(args, env);
}

test("what a failed run's kept nodes have measured is fetched again, into its row; then they go", async () => {
  const host = await harness.addHost("collect-test");
  const run = sampleRun({ keep: "on-failure", environment: { host: host.id } });
  host.failNext("collectRun", new BenchError("protocol", "a result that cannot be read"));
  expect(await (await harness.startRun(run)).result()).toMatchObject({ status: "FAILED" });
  expect(host.nodes.has(run.runId)).toBe(true);

  const collected = await meshbench("collect", run.runId, "--json");
  expect(collected).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(`from the nodes of ${run.runId}`) });
  expect(JSON.parse(collected.stdout) as RunRow).toMatchObject({ run_id: run.runId, status: "VALID" });
  expect(host.nodes.size).toBe(0);
  expect(harness.store.rowsOf(run.runId).at(-1)).toMatchObject({ status: "VALID" });

  const again = await meshbench("collect", run.runId);
  expect([again.exitCode, again.stderr]).toEqual([2, expect.stringContaining("its nodes were not kept")]);
});

test("what is no run, or none that Temporal knows, is refused", async () => {
  const [odd, unknown] = await Promise.all([meshbench("collect", "*"), meshbench("collect", "nobodys-p1-r1-a1")]);
  expect([odd.exitCode, odd.stderr]).toEqual([2, expect.stringMatching(/^error: RUN: got "\*"; no run id/)]);
  expect([unknown.exitCode, unknown.stderr]).toEqual([2, expect.stringContaining("Temporal knows no such run")]);
});
