import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openMysqlNodeDatabase } from "#activities/database/mysql-node-database";
import { deriveFenceToken, derivePassword, derivePeerPassword, verifierOf } from "#activities/database/password";
import { EvidenceSpool } from "#activities/evidence";
import { LocalHostGuards } from "#activities/guards/host-guards";
import { LockFiles } from "#activities/fence/lock-files";
import { ImageBuilds } from "#activities/image/image-builds";
import { createHostActivities } from "#activities/host-activities";
import { DEFAULT_TIMING } from "#activities/host-dependencies";
import type { HostActivities } from "#activities/index";
import { openSqliteStore } from "#activities/results/sqlite-store";
import { createStoreActivities } from "#activities/store-activities";
import { DEFAULT_GUARDS } from "#model/guards";
import type { GuardRecord } from "#model/guards";
import type { NodeHandle, RunSpec, StepProgress } from "#model/run";
import { docker, DOCKER_ENVIRONMENT, openDockerProvider } from "#test/support/docker-harness";
import { failureOf } from "#test/support/failures";
import { sampleRun } from "#test/support/sample-run";
import { TempDir } from "#test/support/temp-dir";

const dir = new TempDir();
const hostSecret = randomBytes(32).toString("hex");
const sweepId = `steps-${randomBytes(3).toString("hex")}`;
const heartbeats: StepProgress[] = [];
const provider = openDockerProvider();
const runIds: string[] = [];
let activities: HostActivities;

beforeAll(() => {
  activities = createHostActivities({
    host: "here",
    providers: new Map([["docker", provider]]),
    openDatabase: openMysqlNodeDatabase(hostSecret),
    credentials: {
      workerVerifier: (runId) => verifierOf(derivePassword(hostSecret, runId)),
      peerPassword: (runId) => derivePeerPassword(hostSecret, runId),
    },
    spoolDir: dir.join("spool"),
    keptLogsDir: dir.join("logs"),
    askRunOutcome: () => Promise.resolve("unknown"),
    domain: "test",
    fenceToken: (runId) => deriveFenceToken(hostSecret, runId),
    machineFence: new LockFiles(dir.join("locks")),
    currentContext: () => ({
      signal: new AbortController().signal,
      scheduledAtMs: Date.now(),
      attemptScheduledAtMs: Date.now(),
      attempt: 1,
      heartbeat: (progress) => progress && heartbeats.push(progress),
    }),
    timing: DEFAULT_TIMING,
    imageBuilds: new ImageBuilds(),
    guards: new LocalHostGuards({ ...DEFAULT_GUARDS, foreignCpuPct: 100 }),
  });
});

afterAll(async () => {
  for (const runId of runIds) await provider.destroyRun(runId);
  dir[Symbol.dispose]();
});

async function prepareRun(repetition: number, durationSec: number): Promise<RunSpec> {
  const environment = await activities.prepareEnvironment({ environment: DOCKER_ENVIRONMENT });
  const runId = `${sweepId}-p1-r${repetition}-a1`;
  runIds.push(runId);
  const point = { ratePerMin: 6000, aggregation: 100, durationSec };
  return sampleRun({ runId, sweepId, environment, point, warmupSec: 1, deadlineSec: 120 });
}

const provision = (run: RunSpec) =>
  activities.provisionNodes({ run, deadlineAt: new Date(Date.now() + run.deadlineSec * 1000).toISOString() });

/** As root of the node's database, past all of Meshbench. */
async function tamper(node: NodeHandle, sql: string): Promise<void> {
  const exec = await docker
    .getContainer(node.id)
    .exec({ Cmd: ["mariadb", "--database=meshbench", "-e", sql], AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({});
  stream.resume();
  await new Promise((resolve) => stream.once("end", resolve));
  expect(await exec.inspect()).toMatchObject({ ExitCode: 0 });
}

test("two real nodes pass through all steps and are proven; a row that is deleted afterwards is found", async () => {
  const run = await prepareRun(1, 5);
  const { nodes } = await provision(run);
  await activities.passBarrier({ run, nodes });
  await activities.followMainLoop({ run, nodes });
  await activities.finaliseRun({ run, nodes });
  const startedAt = new Date().toISOString();
  const { row, evidenceParts } = await activities.collectRun({ run, nodes, startedAt });
  expect(row).toMatchObject({ status: "VALID", reason: "", consistent: true, tuples_per_db: 1000, expected_s: 5 });
  expect(row.elapsed_s).toBeGreaterThan(4.9);
  const counts = heartbeats.filter(({ step }) => step === "main").map(({ tuples }) => tuples ?? 0);
  expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  expect(counts.at(-1)).toBeGreaterThan(0);

  const store = openSqliteStore(dir.join("results"));
  const storeActivities = createStoreActivities({
    store,
    incomingDir: dir.join("results", "incoming"),
    askRunOutcome: () => Promise.resolve("unknown"),
  });
  for (let part = 0; part < evidenceParts; part++) {
    const { data } = await activities.fetchEvidence({ runId: run.runId, part });
    await storeActivities.saveEvidencePart({ runId: run.runId, part, parts: evidenceParts, data });
  }
  await storeActivities.saveRun({ row });
  expect(store.listRuns(sweepId)).toEqual([row]);
  const evidence = await store.readEvidence(run.runId);
  expect(evidence?.results.map(({ nodeIndex }) => nodeIndex)).toEqual([1, 2]);
  expect(JSON.stringify(evidence)).not.toContain(derivePeerPassword(hostSecret, run.runId));
  store.close();
  const guards = evidence?.guards;
  expect(guards).toMatchObject({ nodes: [{ node: 1, listenOverflows: 0 }, { node: 2 }], foreign: { enginesGone: [] } });
  const { nodes: effects, sampledSec } = guards as GuardRecord;
  expect(sampledSec).toBeGreaterThan(4);
  expect(effects.every(({ cpuSec }) => cpuSec! > 0.05 && cpuSec! < 10)).toBe(true);
  expect(evidence?.wallClocks?.map(({ node }) => node)).toEqual([1, 2]);
  expect(evidence?.wallClocks?.every(({ offsetMs }) => Math.abs(offsetMs) < 100)).toBe(true);

  await tamper(nodes[1]!, "DELETE FROM tuple LIMIT 1");
  const { row: tampered } = await activities.collectRun({ run, nodes, startedAt });
  expect(tampered).toMatchObject({ status: "INVALID", consistent: false });
  expect(tampered.reason).toContain("digest mismatch: node 2 holds 999 rows, expected 1000");

  const { removed, teardownSec } = await activities.destroyNodes({ runId: run.runId });
  expect(removed).toBe(3);
  expect(teardownSec).toBeLessThan(10);
  expect((await provider.listLabelled()).filter(({ runId }) => runId === run.runId)).toEqual([]);
  await expect(new EvidenceSpool(dir.join("spool")).readPart(run.runId, 0)).rejects.toThrow("with another worker");
});

test("nodes that nobody observes pass through all steps as well", async () => {
  const run: RunSpec = { ...(await prepareRun(4, 3)), observe: "off" };
  const { nodes } = await provision(run);
  await activities.passBarrier({ run, nodes });
  const countsBefore = heartbeats.length;
  await activities.followMainLoop({ run, nodes });
  const counted = heartbeats.slice(countsBefore).filter(({ tuples }) => (tuples ?? 0) > 0);
  expect(counted.every(({ tuples, tuplesExpected }) => tuples === tuplesExpected)).toBe(true);
  await activities.finaliseRun({ run, nodes });
  const { row } = await activities.collectRun({ run, nodes, startedAt: new Date().toISOString() });
  expect(row).toMatchObject({ consistent: true, tuples_per_db: 600 });
  await activities.destroyNodes({ runId: run.runId });
});

test("a database that is killed in the main loop is named within 5 s, and its node's log is kept", async () => {
  const run = await prepareRun(2, 30);
  const { nodes } = await provision(run);
  await activities.passBarrier({ run, nodes });
  const followed = failureOf(activities.followMainLoop({ run, nodes }));
  const { Processes } = (await docker.getContainer(nodes[1]!.id).top({ ps_args: "-eo pid,comm" })) as {
    Processes: [string, string][];
  };
  const database = Processes.find(([, command]) => command === "mariadbd");
  process.kill(Number(database?.[0]), "SIGKILL");
  const killedMs = performance.now();
  expect(await followed).toMatchObject({ kind: "db crash", node: 2, step: "main", host: "here" });
  expect(performance.now() - killedMs).toBeLessThan(5000);
  await activities.destroyNodes({ runId: run.runId });
  expect((await activities.readNodeLogs({ runId: run.runId, nodeIndex: 2 })).text).not.toBe("");
});
