/** Two hosts with a worker each, one Temporal server, one results store, and a user on a third machine that has neither. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestWorkflowEnvironment } from "@temporalio/testing";
import type Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import { LABEL } from "#model/ids";
import type { RunRow } from "#model/result-row";
import { docker } from "#test/support/docker-harness";
import { parseSweep, until } from "#test/support/installation-harness";
import { runMeshbench, startMeshbench } from "#test/support/meshbench-command";
import type { CommandResult, RunningCommand } from "#test/support/meshbench-command";
import { requireNodeImage } from "#test/support/node-image";
import { SecondMachine } from "#test/support/second-machine";
import { TempDir } from "#test/support/temp-dir";
import { startTemporal } from "#test/support/temporal";

const DURATION_SEC = 6;
const EAST = `east-${process.pid}`;
const WEST = `west-${process.pid}`;

let second: SecondMachine;
let temporal: TestWorkflowEnvironment;
const parts = new AsyncDisposableStack();
const homes = parts.use(new TempDir());

beforeAll(async () => {
  const { tag } = await requireNodeImage();
  second = parts.use(await SecondMachine.start());
  temporal = await startTemporal();
  parts.defer(() => temporal.teardown());
  await second.takeImage(docker, tag);
  const east = startMeshbench(["worker"], makeHome("east", hostsFile(EAST, resolveDockerEndpoint().url)));
  const westEnv = makeHome("west", { ...hostsFile(WEST, second.endpoint), results: "elsewhere" });
  westEnv["TEMPORAL_ADDRESS"] = await second.tunnel(temporal.address);
  const west = startMeshbench(["worker"], westEnv, second.within);
  for (const worker of [east, west]) parts.defer(() => end(worker));
  await Promise.all([
    east.says(new RegExp(`^worker: serves host ${EAST}, the results store, by Temporal`, "m")),
    west.says(new RegExp(`^worker: serves host ${WEST}, by Temporal`, "m")),
  ]);
});

afterAll(() => parts.disposeAsync());

async function end(worker: RunningCommand): Promise<void> {
  worker.kill("SIGTERM");
  await worker.finished;
}

/** Tests share their machine with others, which is not what they are about. */
const hostsFile = (host: string, endpoint: string) => ({
  hosts: { [host]: { secret_file: "secret", docker: { endpoint } } },
  guards: { foreign_cpu_pct: 100 },
});

function makeHome(name: string, file: object): NodeJS.ProcessEnv {
  const home = homes.join(name);
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, "hosts.yaml"), JSON.stringify(file), { mode: 0o600 });
  writeFileSync(join(home, "secret"), name.padEnd(64, "0"), { mode: 0o600 });
  return environmentOf(name);
}

const environmentOf = (name: string): NodeJS.ProcessEnv => {
  const { TEMPORAL_NAMESPACE: _, ...inherited } = process.env;
  return { ...inherited, MESHBENCH_HOME: homes.join(name), TEMPORAL_ADDRESS: temporal.address };
};

/** A user's own machine: it knows Temporal's address, and has no installation. */
async function onLaptop(...args: readonly string[]): Promise<CommandResult> {
  const result = await runMeshbench(args, environmentOf("laptop"));
  if (result.exitCode !== 0) throw new Error(`meshbench ${args.join(" ")}: exit ${result.exitCode}: ${result.stderr}`);
  return result;
}

const on = (host: string) => ({ provider: "docker", host, cpus: 1, memory: "512MiB" });

function writeSpec(): string {
  const path = homes.join("two-hosts.yaml");
  const load = { nodes: 2, rate: 6000, duration: `${DURATION_SEC}s`, warmup: "0s", repetitions: 2 };
  const environments = { east: on(EAST), west: on(WEST) };
  writeFileSync(path, JSON.stringify({ version: 1, name: "two-hosts", environments, ...load }));
  return path;
}

interface Span {
  readonly runId: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** From a run's first container to the end of its last one, as the engine itself tells; in their order. */
async function spansOf(engine: Docker, host: string, sinceMs: number): Promise<Span[]> {
  const filters = { type: ["container"], label: [`${LABEL.host}=${host}`] };
  const times = { since: Math.floor(sinceMs / 1000), until: Math.ceil(Date.now() / 1000) };
  const stream = await engine.getEvents({ ...times, filters: JSON.stringify(filters) });
  const lines = (await text(stream)).trim().split("\n");
  const events = lines.map((line) => JSON.parse(line) as EngineEvent);
  const byRun = Map.groupBy(events, ({ Actor }) => Actor.Attributes[LABEL.run] ?? "");
  return [...byRun].map(([runId, ofRun]) => {
    const timesMs = ofRun.map(({ timeNano }) => timeNano / 1e6);
    return { runId, fromMs: Math.min(...timesMs), toMs: Math.max(...timesMs) };
  });
}

interface EngineEvent {
  readonly timeNano: number;
  readonly Actor: { readonly Attributes: Readonly<Record<string, string>> };
}

const overlapMs = (a: Span, b: Span): number => Math.min(a.toMs, b.toMs) - Math.max(a.fromMs, b.fromMs);

const leased = (host: string) => expect.objectContaining({ host, queue: expect.anything() });

interface Progress {
  readonly progress?: { readonly runs: readonly { run_id: string; step: string }[] };
}

describe("a sweep over two hosts", () => {
  const startedMs = Date.now();
  let sweepId: string;
  let rows: readonly RunRow[];

  test("measures on both at once, and anyone sees both from anywhere", async () => {
    const run = startMeshbench(["run", writeSpec(), "--json"], environmentOf("laptop"));
    sweepId = await run.sweepId();
    await until("both hosts are in a main loop", 90, async () => {
      const { progress } = JSON.parse((await onLaptop("status", sweepId, "--json")).stdout) as Progress;
      const runs = progress?.runs ?? [];
      return runs.length === 2 && runs.every(({ step }) => step === "main");
    });
    const queue = await onLaptop("queue", "--json");
    expect(JSON.parse(queue.stdout)).toEqual([leased(EAST), leased(WEST)]);

    const result = await run.finished;
    expect(result).toMatchObject({ exitCode: 0 });
    rows = parseSweep(result).runs;
    expect(rows.map(({ status, reason }) => `${status} ${reason}`)).toEqual(rows.map(() => "VALID "));
    const places = rows.map(({ environment, host, repetition }) => `${environment} ${host} ${repetition}`);
    expect(places.toSorted()).toEqual([`east ${EAST} 1`, `east ${EAST} 2`, `west ${WEST} 1`, `west ${WEST} 2`]);
    const digests = Map.groupBy(rows, ({ repetition }) => repetition).values();
    for (const ofRepetition of digests) expect(new Set(ofRepetition.map(({ digest }) => digest)).size).toBe(1);
  });

  test("has each host to itself, as the engines tell", async () => {
    const [east, west] = await Promise.all([spansOf(docker, EAST, startedMs), spansOf(second.docker, WEST, startedMs)]);
    for (const [first, next, ...others] of [east, west]) {
      expect(others).toEqual([]);
      expect(overlapMs(first!, next!)).toBeLessThan(0);
    }
    expect(overlapMs(east[0]!, west[0]!)).toBeGreaterThan((DURATION_SEC * 1000) / 2);
  });

  test("is read in full where there is no store", async () => {
    const [status, list, csv] = await Promise.all([
      onLaptop("status", sweepId, "--json"),
      onLaptop("list", "--json"),
      onLaptop("export", sweepId),
    ]);
    expect(parseSweep(status)).toEqual({ sweep_id: sweepId, status: "DONE", runs: rows });
    expect(JSON.parse(list.stdout)).toMatchObject([{ sweep_id: sweepId, status: "DONE", runs_valid: 4 }]);
    const beside = await runMeshbench(["export", sweepId], environmentOf("east"));
    expect(csv.stdout).toBe(beside.stdout);
    expect(readdirSync(homes.path)).not.toContain("laptop");
  });

  test("has its nodes' logs where it was measured, and they are read from there", async () => {
    const runId = rows.find(({ host }) => host === WEST)!.run_id;
    const kept = homes.join("west", "logs", "runs", runId);
    mkdirSync(kept, { recursive: true });
    writeFileSync(join(kept, "node-2.log"), "what node 2 said\n"); // as a run leaves it that was disturbed
    expect((await onLaptop("logs", runId, "2")).stdout).toBe("what node 2 said\n");
    const missing = await runMeshbench(["logs", runId, "1"], environmentOf("laptop"));
    expect(missing).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("no log of such a node is found") });
  });

  test("has the same report on every machine", async () => {
    await Promise.all(
      ["east", "laptop"].map((name) =>
        runMeshbench(["report", sweepId, "--out", homes.join(`report-${name}`)], environmentOf(name)),
      ),
    );
    const names = readdirSync(homes.join("report-east"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(homes.join("report-east").length + 1));
    expect(names).toContain("report.html");
    const read = (of: string, name: string) => readFileSync(join(homes.join(`report-${of}`), name));
    expect(names.filter((name) => !read("laptop", name).equals(read("east", name)))).toEqual([]);
  });
});

test("a second host of one name is refused, since each machine would get a part of its runs", async () => {
  const env = makeHome("namesake", { ...hostsFile(EAST, resolveDockerEndpoint().url), results: "elsewhere" });
  const elsewhere = startMeshbench(["worker"], env, [
    "unshare",
    "--uts",
    "sh",
    "-c",
    'hostname other && exec "$@"',
    "sh",
  ]);
  expect(await elsewhere.finished).toMatchObject({
    exitCode: 5,
    stderr: expect.stringMatching(/^error: host east-\d+ is served by a worker on \S+ already; .*hosts\.yaml/),
  });
});

test("a second results store of one namespace is refused, since each would get a part of every sweep", async () => {
  const env = makeHome("rival", { hosts: {} });
  const { exitCode, stderr } = await runMeshbench(["worker"], env);
  expect(stderr).toMatch(
    /^error: the results of this Temporal namespace are kept at .*east\/results already; .*elsewhere/,
  );
  expect(exitCode).toBe(5);
});
