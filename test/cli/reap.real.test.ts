/** `meshbench reap` on a real engine, with no Temporal server at all. */

import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EvidenceAssembly } from "#activities/evidence";
import { openSqliteStore } from "#activities/results/sqlite-store";
import { LABEL } from "#model/ids";
import { docker, DOCKER_ENVIRONMENT, openDockerProvider } from "#test/support/docker-harness";
import { runMeshbench, startMeshbench } from "#test/support/meshbench-command";
import { sampleRun } from "#test/support/sample-run";
import { TempDir } from "#test/support/temp-dir";

const MINE = "meshbench.test.reap";
const minutesFromNow = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();

let home: TempDir;
let env: NodeJS.ProcessEnv;
/** Unlike any other installation's, and this test's runs. */
let host: string;
let sweep: string;

beforeEach(() => {
  home = new TempDir();
  host = `reap-${randomBytes(4).toString("hex")}`;
  sweep = `sweep-${randomBytes(4).toString("hex")}`;
  env = { ...process.env, MESHBENCH_HOME: home.path, TEMPORAL_ADDRESS: "127.0.0.1:1" };
  mkdirSync(home.join("secrets"), { mode: 0o700 });
  writeFileSync(home.join("secrets", "host"), randomBytes(32).toString("hex"), { mode: 0o600 });
  const settings = { secret_file: "secrets/host", docker: { endpoint: "unix:///var/run/docker.sock" } };
  writeFileSync(home.join("hosts.yaml"), JSON.stringify({ hosts: { [host]: settings } }), { mode: 0o600 });
});

afterEach(async () => {
  const filters = { label: [`${MINE}=${sweep}`] };
  for (const { Id } of await docker.listContainers({ all: true, filters })) {
    await docker.getContainer(Id).remove({ force: true, v: true });
  }
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove();
  home[Symbol.dispose]();
});

interface Labels {
  readonly run?: string;
  readonly ofHost?: string;
  readonly deadlineAt?: string;
}

const labelsOf = ({ run, ofHost, deadlineAt }: Labels) => ({
  [MINE]: sweep,
  ...(run !== undefined && { [LABEL.run]: run }),
  ...(ofHost !== undefined && { [LABEL.host]: ofHost }),
  ...(deadlineAt !== undefined && { [LABEL.deadline]: deadlineAt }),
});

/** A container that never starts, but has a volume. */
async function leaveContainer(name: string, labels: Labels): Promise<void> {
  const { imageDigest } = await openDockerProvider().prepareEnvironment(DOCKER_ENVIRONMENT);
  await docker.createContainer({ name, Image: imageDigest, Labels: labelsOf(labels), Volumes: { "/data": {} } });
}

async function leaveNetwork(name: string, labels: Labels): Promise<void> {
  await docker.createNetwork({ Name: name, Internal: true, Labels: labelsOf(labels) });
}

/** What is left of this test, by name. */
async function remaining(): Promise<string[]> {
  const filters = { label: [`${MINE}=${sweep}`] };
  const [containers, networks] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
  ]);
  return [...containers.map(({ Names }) => (Names[0] ?? "").slice(1)), ...networks.map(({ Name }) => Name)].sort();
}

async function reap(...flags: string[]) {
  const { exitCode, stdout, stderr } = await runMeshbench(["reap", "--json", ...flags], env);
  if (exitCode !== 0) throw new Error(`exit ${exitCode}: ${stderr}`);
  const { hosts, temporal_answers: temporalAnswers } = JSON.parse(stdout) as {
    temporal_answers: boolean;
    hosts: { removed: { name: string }[]; kept: { name: string; why: string }[]; history_lost: string[] }[];
  };
  const [{ removed, kept, history_lost: lost }] = hosts as [(typeof hosts)[number]];
  return { temporalAnswers, removed: removed.map(({ name }) => name).sort(), kept, lost };
}

test("removes what is past its deadline and ours, for two at once, and touches no decoy", async () => {
  const [past, toCome] = [minutesFromNow(-2), minutesFromNow(10)];
  const run = `${sweep}-p1-r1-a1`;
  const late = { run, ofHost: host, deadlineAt: past };
  await leaveContainer(`${run}-n1`, late);
  await leaveContainer(`${run}-n2`, late);
  await leaveNetwork(`meshbench-${run}`, late);
  const decoys = [
    [`${run}-n3`, {}],
    [`${run}-other-host`, { ...late, ofHost: `${host}0` }],
    [`${run}-no-host`, { run, deadlineAt: past }],
    [`${run}-no-deadline`, { ...late, run: `${sweep}-p1-r2-a1`, deadlineAt: "soon" }],
    [`${run}-no-run`, { ...late, run: "backup" }],
    [`${run}0-n1`, { run: `${run}0`, ofHost: host, deadlineAt: toCome }],
  ] as const;
  for (const [name, labels] of decoys) await leaveContainer(name, labels);
  await leaveNetwork(`meshbench-${run}-decoy`, {});
  const before = await remaining();
  const ours = [`${run}-n1`, `${run}-n2`, `meshbench-${run}`].sort();

  const dry = await reap("--dry-run");
  expect(dry).toMatchObject({ temporalAnswers: false, removed: ours });
  const why = (name: string) => dry.kept.find((one) => one.name === name)?.why;
  expect(why(`${run}-other-host`)).toBe(`belongs to host ${host}0`);
  expect(why(`${run}0-n1`)).toContain("Temporal does not answer");
  expect(await remaining()).toEqual(before);

  await Promise.all([reap(), reap()]);
  expect(await remaining()).toEqual(before.filter((name) => !ours.includes(name)));
  expect((await reap()).removed).toEqual([]);
});

test("a pass that is killed half-way is finished by the next one", async () => {
  const run = `${sweep}-p1-r1-a1`;
  const late = { run, ofHost: host, deadlineAt: minutesFromNow(-2) };
  const names = Array.from({ length: 12 }, (_, i) => `${run}-n${i + 1}`);
  for (const name of names) await leaveContainer(name, late);
  await leaveNetwork(`meshbench-${run}`, late);
  const killed = startMeshbench(["reap"], env);
  await expect.poll(remaining, { timeout: 60_000, interval: 10 }).not.toHaveLength(names.length + 1);
  killed.kill("SIGKILL");
  expect((await killed.finished).exitCode).toBeNull();
  await reap();
  expect(await remaining()).toEqual([]);
});

test("a run whose history is said to be lost gets its row, although it never created anything", async () => {
  const runId = `${sweep}-p1-r1-a1`;
  const run = sampleRun({ runId, sweepId: sweep, environment: { host } });
  const store = openSqliteStore(home.join("results"));
  store.saveIntent({ run, recordedAt: minutesFromNow(-10), deadlineAt: minutesFromNow(-2) });
  await new EvidenceAssembly(home.join("results", "incoming")).add({ runId, part: 0, parts: 2, data: "" });
  expect((await reap()).lost).toEqual([]); // a server elsewhere that is out of reach knows of it
  expect(store.listRuns(sweep)).toEqual([]);
  expect(store.listOpenIntents(host)).toHaveLength(1);
  expect((await reap("--history-lost")).lost).toEqual([runId]);
  expect(readdirSync(home.join("results", "incoming"))).toEqual([]);
  expect(store.listRuns(sweep)).toMatchObject([{ run_id: runId, status: "FAILED" }]);
  expect(store.listOpenIntents(host)).toEqual([]);
  store.close();
});

test("without hosts it says what is missing", async () => {
  using empty = new TempDir();
  const { exitCode, stderr } = await runMeshbench(["reap"], { ...env, MESHBENCH_HOME: empty.path });
  expect(exitCode).toBe(5);
  expect(stderr).toContain("meshbench up");
});
