import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { HostMeter } from "#activities/guards/host-meter";
import { isAlive, killProcess } from "#activities/process-identity";
import { NodeCgroups } from "#activities/providers/node-cgroups";
import type { NodeSpec } from "#activities/providers/provider";
import type { NodeHandle, RunSpec } from "#model/run";
import { until } from "#test/support/kept-host";
import { NativeHost, PROCESS_ENVIRONMENT } from "#test/support/process-harness";
import { newRunId, nodeSpecs } from "#test/support/provider-contract";
import { sampleRun } from "#test/support/sample-run";

const host = new NativeHost();
const provider = host.openProvider();
const { signal } = new AbortController();
const runIds: string[] = [];
const DEADLINE_AT = new Date(Date.now() + 600_000).toISOString();

afterEach(async () => {
  for (const runId of runIds.splice(0)) await provider.destroyRun(runId);
});
afterAll(() => host[Symbol.dispose]());

async function newRun(): Promise<RunSpec> {
  const runId = newRunId();
  runIds.push(runId);
  const environment = await provider.prepareEnvironment(PROCESS_ENVIRONMENT);
  return sampleRun({ runId, environment, point: { nodes: 1 } });
}

async function provision(run: RunSpec, rest: Partial<NodeSpec> = {}): Promise<NodeHandle> {
  const [spec] = nodeSpecs(run);
  await provider.ensureRun(run, DEADLINE_AT, signal);
  return provider.ensureNode(run, { ...spec!, ...rest }, signal);
}

const stateOf = async (run: RunSpec, node: NodeHandle) => (await provider.inspectNodes(run, [node]))[0];

/** What the machine has of a run, wherever that is. */
async function tracesOf(runId: string): Promise<string[]> {
  const groups = (await NodeCgroups.open()).foldersOf(`${runId}-n1`).filter((folder) => existsSync(folder));
  const namespaces = readdirSync("/run/netns").filter((name) => name.includes(runId));
  const interfaces = execFileSync("ip", ["link", "show"], { encoding: "utf8" }).split("\n");
  const processes = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(runId));
  const files = readdirSync(host.dir, { recursive: true, encoding: "utf8" }).filter((path) => path.includes(runId));
  return [...groups, ...namespaces, ...interfaces.filter((line) => line.includes(runId)), ...processes, ...files];
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it has ended
  }
}

/** An `ip` that kills whoever calls it the n-th time, before that call does anything or after it has. */
function deadlyPath(n: number, moment: "before" | "after"): string {
  const dir = join(host.dir, `ip-${n}-${moment}`);
  mkdirSync(dir);
  const real = execFileSync("which", ["ip"], { encoding: "utf8" }).trim();
  const kill = 'kill -KILL "$PPID"';
  const script = [
    "#!/bin/bash",
    `echo >>"${dir}/calls"`,
    `[[ $(wc -l <"${dir}/calls") == ${n} ]] && deadly=1`,
    moment === "before" ? `[[ \${deadly-} ]] && ${kill} && exit` : "",
    `${real} "$@"`,
    "status=$?",
    `[[ \${deadly-} ]] && ${kill}`,
    "exit $status",
  ];
  writeFileSync(join(dir, "ip"), `${script.join("\n")}\n`);
  chmodSync(join(dir, "ip"), 0o755);
  return [dir, process.env["PATH"]].join(delimiter);
}

/** @returns Whether it got as far as having made its node; it has been killed then. */
async function provisionAndDie({ runId, environment }: RunSpec, path: string): Promise<boolean> {
  const script = join(import.meta.dirname, "../../support/provision-native.ts");
  const args = [script, host.dir, runId, DEADLINE_AT, environment.imageDigest];
  const stdio = ["ignore", "pipe", "inherit"] as const;
  const worker = spawn(process.execPath, args, { stdio: [...stdio], env: { ...process.env, PATH: path } });
  const hasMade = once(worker.stdout, "data").then(() => worker.kill("SIGKILL"));
  await once(worker, "exit");
  return Promise.race([hasMade, Promise.resolve(false)]);
}

test("a node goes on when its worker is killed, and the next worker adopts it", async () => {
  const run = await newRun();
  expect(await provisionAndDie(run, process.env["PATH"] ?? "")).toBe(true);
  const node = await provision(run);
  const before = await host.identityOf(node, "init");
  expect(await stateOf(run, node)).toEqual({ state: "running" });
  expect(await host.identityOf(await provision(run), "init")).toEqual(before);
});

// The first calls make the network, those from the ninth on the node's connection to it.
test.for([2, 4, 9, 12])("what a worker leaves that dies at its %s. step is adopted, or removed", async (n) => {
  const [adopted, removed] = [await newRun(), await newRun()];
  const deaths = [provisionAndDie(adopted, deadlyPath(n, "before")), provisionAndDie(removed, deadlyPath(n, "after"))];
  expect(await Promise.all(deaths)).toEqual([false, false]);
  expect(await stateOf(adopted, await provision(adopted))).toEqual({ state: "running" });
  for (const { runId } of [adopted, removed]) {
    await provider.destroyRun(runId);
    expect(await tracesOf(runId)).toEqual([]);
  }
});

test("nothing of a node is left where its keeper is killed, and nobody claims to know how it ended", async () => {
  const run = await newRun();
  const node = await provision(run);
  const init = await host.identityOf(node, "init");
  killProcess(await host.identityOf(node, "keeper"));
  await until(async () => !isAlive(init));
  expect(await stateOf(run, node)).toEqual({ state: "exited", exitCode: null, outOfMemory: false });
});

test("a node ends itself at its deadline, and says so", async () => {
  const run = await newRun();
  const node = await provision(run, { deadlineAt: new Date(Date.now() + 1000).toISOString() });
  await until(async () => (await stateOf(run, node))?.state === "exited");
  expect(await stateOf(run, node)).toMatchObject({ exitCode: 124 });
  expect(await provider.readLogs(run.runId, 1)).toContain("deadline");
});

test("a node has the memory that is declared, and one that needs more is told from one that was ended", async () => {
  const run = await newRun();
  const node = await provision(run);
  const group = (await NodeCgroups.open()).foldersOf(node.id).find((folder) => folder.includes("memory"));
  const procs = join(group ?? "", "cgroup.procs");
  const glutton = 'echo $$ >"$1"; exec tail /dev/zero';
  expect(spawnSync("bash", ["-c", glutton, "bash", procs], { stdio: "ignore" })).toMatchObject({ signal: "SIGKILL" });
  await host.kill(node);
  expect(await stateOf(run, node)).toMatchObject({ state: "exited", outOfMemory: true });
});

test("a node's root cannot be written to, and its work is the run's own for whoever looks at the machine", async () => {
  const run = await newRun();
  const node = await provision(run);
  const { pid } = await host.identityOf(node, "init");
  await until(async () => readFileSync(`/proc/${pid}/mounts`, "utf8").split("\n")[0]!.split(" ")[3]!.startsWith("ro"));
  const meter = new HostMeter([node]);
  expect(meter.seesAllNodes).toBe(true);
  expect(meter.readNodes()).toMatchObject([{ node: 1, cpuSec: expect.any(Number), listenDrops: expect.any(Number) }]);
});
