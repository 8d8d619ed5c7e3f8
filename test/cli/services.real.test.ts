import { mkdirSync, writeFileSync } from "node:fs";
import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runMeshbench } from "#test/support/meshbench-command";
import type { CommandResult } from "#test/support/meshbench-command";
import { TempDir } from "#test/support/temp-dir";
import { startTemporal } from "#test/support/temporal";

let temporal: TestWorkflowEnvironment;
let dir: TempDir;
beforeAll(async () => {
  temporal = await startTemporal();
  dir = new TempDir();
});
afterAll(async () => {
  dir[Symbol.dispose]();
  await temporal.teardown();
});

function meshbench(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  const here = { MESHBENCH_HOME: dir.join("home"), TEMPORAL_ADDRESS: temporal.address };
  return runMeshbench(args, { ...process.env, ...here, ...env });
}

async function openWorkflows(): Promise<number> {
  return (await temporal.client.workflow.count()).count;
}

test("without a worker nothing is queued, and the queues that nobody polls are named", async () => {
  const { exitCode, stdout, stderr, tookSec } = await meshbench(["run", "quick", "--json"]);
  expect(stderr).toBe(
    "error: no worker polls task queues meshbench, store, host-local; start one on that machine: meshbench up\n",
  );
  expect({ exitCode, stdout, workflows: await openWorkflows() }).toEqual({ exitCode: 5, stdout: "", workflows: 0 });
  expect(tookSec).toBeLessThan(10);
});

test("a namespace that the server does not have is named", async () => {
  const { exitCode, stderr, tookSec } = await meshbench(["run", "quick"], { TEMPORAL_NAMESPACE: "elsewhere" });
  expect(stderr).toMatch(/^error: Temporal at \S+: it has no namespace elsewhere; .*\n$/);
  expect(exitCode).toBe(5);
  expect(tookSec).toBeLessThan(10);
});

test.for(["status", "watch", "cancel"])("%s of a sweep that nobody knows is refused in a line", async (command) => {
  const { exitCode, stdout, stderr } = await meshbench([command, "no-such-sweep"]);
  expect(stderr).toBe(`error: ID: got "no-such-sweep"; no such sweep; meshbench list shows all sweeps\n`);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
});

test("results that are elsewhere are not taken for none, where nobody serves them", async () => {
  const home = dir.join("elsewhere");
  mkdirSync(home);
  writeFileSync(`${home}/hosts.yaml`, "hosts: {}\nresults: elsewhere\n", { mode: 0o600 });
  for (const args of [["list"], ["report", "no-such-sweep"]]) {
    const { exitCode, stdout, stderr } = await meshbench(args, { MESHBENCH_HOME: home });
    expect(stderr).toBe("error: no worker polls task queue meshbench; start one on that machine: meshbench up\n");
    expect({ exitCode, stdout }).toEqual({ exitCode: 5, stdout: "" });
  }
});

test("a host that nobody asked for is free", async () => {
  const { exitCode, stdout } = await meshbench(["queue", "--json"]);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject([{ host: "local", queue: null }]);
});
