import { afterAll, test, vi } from "vitest";
import { tasksOf } from "#activities/assignment";
import { openMysqlNodeDatabase } from "#activities/database/mysql-node-database";
import type { NodeDatabase } from "#activities/database/node-database";
import { derivePeerPassword } from "#activities/database/password";
import type { NodeProvider } from "#activities/providers/provider";
import type { NodeResult } from "#model/node-protocol";
import type { NodeHandle, RunSpec } from "#model/run";
import type { Environment, Resolve } from "#model/spec";
import { DOCKER_ENVIRONMENT, openDockerProvider } from "#test/support/docker-harness";
import { NativeHost, PROCESS_ENVIRONMENT } from "#test/support/process-harness";
import { HOST_SECRET, newRunId, nodeSpecs } from "#test/support/provider-contract";
import { sampleRun } from "#test/support/sample-run";
import { StubResolver } from "#test/support/stub-resolver";

const TUPLES = 10;
const { signal } = new AbortController();
const host = new NativeHost();
const ARMS: Readonly<Record<string, { provider: NodeProvider; environment: Environment }>> = {
  containers: { provider: openDockerProvider(), environment: DOCKER_ENVIRONMENT },
  native: { provider: host.openProvider(), environment: PROCESS_ENVIRONMENT },
};
const runIds: string[] = [];

afterAll(async () => {
  const removals = Object.values(ARMS).flatMap(({ provider }) => runIds.map((runId) => provider.destroyRun(runId)));
  await Promise.all(removals);
  host[Symbol.dispose]();
});

interface Measured {
  readonly results: readonly NodeResult[];
  /** Rows of each database. */
  readonly rows: readonly number[];
}

/** Two nodes that ask that resolver. */
async function measureOn(armName: string, resolve: Resolve, stub: StubResolver): Promise<Measured> {
  const { provider, environment } = ARMS[armName]!;
  const runId = newRunId();
  runIds.push(runId);
  const prepared = await provider.prepareEnvironment({ ...environment, dns: [stub.address] });
  const point = { resolve, ratePerMin: 60 * TUPLES, durationSec: 1 };
  const run = sampleRun({ runId, environment: prepared, point });
  await provider.ensureRun(run, new Date(Date.now() + 600_000).toISOString(), signal);
  const nodes = await Promise.all(nodeSpecs(run).map((node) => provider.ensureNode(run, node, signal)));
  const database = openMysqlNodeDatabase(HOST_SECRET)(run.runId);
  const haveAnswered = async () => (await Promise.all(nodes.map((node) => database.answers(node)))).every(Boolean);
  try {
    await vi.waitUntil(haveAnswered, { timeout: 60_000, interval: 100 });
    const results = await measure(database, run, nodes);
    const proofs = await Promise.all(nodes.map((node) => database.prove(node)));
    return { results, rows: proofs.map(({ rows }) => rows) };
  } finally {
    await database.close();
  }
}

async function measure(database: NodeDatabase, run: RunSpec, nodes: readonly NodeHandle[]): Promise<NodeResult[]> {
  const tasks = tasksOf(run, nodes, derivePeerPassword(HOST_SECRET, run.runId));
  await Promise.all(tasks.map(({ node, assignment }) => database.prepareTables(node, assignment)));
  await Promise.all(tasks.map(({ node, assignment }) => database.assign(node, assignment)));
  const phases = () => Promise.all(nodes.map(async (node) => (await database.readProgress(node)).phase));
  const areDone = async () => (await phases()).every((phase) => phase === "done");
  await vi.waitUntil(areDone, { timeout: 90_000, interval: 200 });
  return Promise.all(nodes.map((node) => database.readResult(node)));
}

const slowestSec = ({ results }: Measured): number => Math.max(...results.map(({ connectSec }) => connectSec));

/** As the paper's VMs may have had one, and one that is only slow. Each its own, since the three come at once. */
test.concurrent.for([
  ["containers", "never", "192.0.2.53", null],
  ["containers", "after 5 s", "192.0.2.54", 5000],
  ["native", "never", "192.0.2.55", null],
] as const)(
  "%s with a resolver that answers %s: it costs nothing with addresses, and seconds with names and reverse",
  async ([arm, , address, answerAfterMs], { expect }) => {
    await using stub = await StubResolver.open(address, answerAfterMs);
    const undisturbed = await measureOn(arm, "addresses", stub);
    // What is never asked can slow nothing down.
    expect(stub.queries).toBe(0);

    const [names, reverse] = await Promise.all([measureOn(arm, "names", stub), measureOn(arm, "reverse", stub)]);
    for (const slow of [names, reverse]) {
      expect(slowestSec(slow)).toBeGreaterThan(4);
      expect(slowestSec(slow)).toBeLessThan(45);
      expect(slowestSec(slow) - slowestSec(undisturbed)).toBeGreaterThan(3);
    }
    for (const { rows } of [undisturbed, names, reverse]) expect(rows).toEqual([2 * TUPLES, 2 * TUPLES]);
  },
);
