import { execFileSync } from "node:child_process";
import { afterEach, expect, test } from "vitest";
import { tasksOf } from "#activities/assignment";
import type { NodeDatabase } from "#activities/database/node-database";
import { openMysqlNodeDatabase } from "#activities/database/mysql-node-database";
import { derivePeerPassword } from "#activities/database/password";
import type { NodeResult } from "#model/node-protocol";
import type { NodeHandle, RunSpec } from "#model/run";
import type { Resolve } from "#model/spec";
import { docker, DOCKER_ENVIRONMENT, openDockerProvider } from "#test/support/docker-harness";
import { HOST_SECRET, newRunId, nodeSpecs } from "#test/support/provider-contract";
import { sampleRun } from "#test/support/sample-run";

/** Docker's own resolver, which knows the names and addresses of a network's containers. */
const RESOLVER = "127.0.0.11";
const TUPLES = 10;
const provider = openDockerProvider();
const { signal } = new AbortController();
const runIds: string[] = [];

afterEach(async () => {
  for (const runId of runIds.splice(0)) await provider.destroyRun(runId);
});

/** Two nodes that wait for a resolver that never answers, as the paper's VMs may have. */
async function createDeafNodes(resolve: Resolve): Promise<{ run: RunSpec; nodes: NodeHandle[] }> {
  const runId = newRunId();
  runIds.push(runId);
  const environment = await provider.prepareEnvironment(DOCKER_ENVIRONMENT);
  const run = sampleRun({ runId, environment, point: { resolve, ratePerMin: 60 * TUPLES, durationSec: 1 } });
  await provider.ensureRun(run, new Date(Date.now() + 600_000).toISOString(), signal);
  const nodes = await Promise.all(nodeSpecs(run).map((node) => provider.ensureNode(run, node, signal)));
  for (const node of nodes) await silenceResolver(node);
  return { run, nodes };
}

/** On its way in: what is dropped on its way out is an error that a client sees at once. */
async function silenceResolver({ id }: NodeHandle): Promise<void> {
  const { State } = await docker.getContainer(id).inspect();
  const drop = ["iptables", "-I", "INPUT", "-d", RESOLVER, "-j", "DROP"];
  execFileSync("nsenter", ["-t", String(State.Pid), "-n", ...drop]);
}

async function measure(database: NodeDatabase, run: RunSpec, nodes: readonly NodeHandle[]): Promise<NodeResult[]> {
  const tasks = tasksOf(run, nodes, derivePeerPassword(HOST_SECRET, run.runId));
  await Promise.all(tasks.map(({ node, assignment }) => database.prepareTables(node, assignment)));
  await Promise.all(tasks.map(({ node, assignment }) => database.assign(node, assignment)));
  const phasesOf = () => Promise.all(nodes.map(async (node) => (await database.readProgress(node)).phase));
  await expect.poll(phasesOf, { timeout: 60_000, interval: 200 }).toEqual(nodes.map(() => "done"));
  return Promise.all(nodes.map((node) => database.readResult(node)));
}

test.for([
  ["reverse", "costs each connection between nodes seconds", { min: 4, max: 45 }],
  ["addresses", "costs nothing", { min: 0, max: 3 }],
] as const)("a dead resolver with `resolve: %s` keeps no worker out, and %s", async ([resolve, , connectSec]) => {
  const { run, nodes } = await createDeafNodes(resolve);
  const database = openMysqlNodeDatabase(HOST_SECRET)(run.runId);
  const answers = () => Promise.all(nodes.map((node) => database.answers(node)));
  try {
    await expect.poll(answers, { timeout: 15_000, interval: 50 }).toEqual(nodes.map(() => true));
    for (const result of await measure(database, run, nodes)) {
      expect(result.connectSec).toBeGreaterThan(connectSec.min);
      expect(result.connectSec).toBeLessThan(connectSec.max);
    }
    const proofs = await Promise.all(nodes.map((node) => database.prove(node)));
    expect(proofs).toEqual(nodes.map(() => expect.objectContaining({ rows: TUPLES * nodes.length })));
  } finally {
    await database.close();
  }
});
