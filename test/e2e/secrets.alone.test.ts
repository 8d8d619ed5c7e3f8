/** Canaries in the place of every secret that an installation has: none of them shows where anybody could read it. */

import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LABEL, runIdOf } from "#model/ids";
import { SecretCanary } from "#test/chaos/support/secret-canary";
import { readWorkflows } from "#test/chaos/support/workflow-histories";
import { docker } from "#test/support/docker-harness";
import { InstallationHarness, parseSweep } from "#test/support/installation-harness";
import type { CommandResult } from "#test/support/meshbench-command";
import { requireNodeImage } from "#test/support/node-image";
import { TempDir } from "#test/support/temp-dir";

const API_KEY = `canary-of-temporal-cloud-${randomUUID()}`;
const TOKEN = `canary-of-github-${randomUUID()}`;
const SAMPLE_EVERY_MS = 100;
const POLL = { timeout: 30_000, interval: 100 };

const reports = new TempDir();
let harness: InstallationHarness;
let canary: SecretCanary;

beforeAll(async () => {
  const env = {
    TEMPORAL_API_KEY: API_KEY,
    TEMPORAL_TLS: "false",
    GITHUB_TOKEN: TOKEN,
    // What an operator might switch on to find out why something crashes.
    NODE_OPTIONS: `--report-on-signal --report-directory=${reports.path}`,
  };
  harness = await InstallationHarness.up({ env });
  canary = new SecretCanary(harness, [
    { name: "Temporal's key", value: API_KEY, belongsIn: isWhereKeyBelongs },
    { name: "GitHub's token", value: TOKEN, belongsIn: (where) => isEnvironmentOf(where, isCommand) },
  ]);
});

afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  reports[Symbol.dispose]();
});

/** On its way to the worker it is in the plan, which only the owner may read. */
const isWhereKeyBelongs = (where: string): boolean =>
  where === "run/plan.json" || isEnvironmentOf(where, (pid) => isWorker(pid) || isCommand(pid));

function isEnvironmentOf(where: string, isIt: (pid: number) => boolean): boolean {
  const pid = /^environ of process (\d+)$/.exec(where)?.[1];
  return pid !== undefined && isIt(Number(pid));
}

/** What it forks is a copy of it, until that becomes another program. */
const isWorker = (pid: number): boolean =>
  readProcess(pid, "cmdline")?.endsWith("main.ts\0worker\0") === true &&
  readProcess(pid, "environ")?.includes(`MESHBENCH_HOME=${harness.home}\0`) === true;

/** Commands have the environment that their user has: here, whatever descends from this process. */
function isCommand(pid: number): boolean {
  const parent = parentOf(pid);
  // Of one that has ended meanwhile nobody can say whose it was.
  return pid === process.pid || parent === undefined || (parent > 1 && isCommand(parent));
}

function parentOf(pid: number): number | undefined {
  const parent = /^PPid:\s+(\d+)$/m.exec(readProcess(pid, "status") ?? "")?.[1];
  return parent === undefined ? undefined : Number(parent);
}

function readProcess(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return undefined;
  }
}

async function killNode(runId: string): Promise<void> {
  const filters = { label: [`${LABEL.run}=${runId}`, `${LABEL.node}=2`] };
  const [node] = await docker.listContainers({ filters });
  await docker.getContainer(node?.Id ?? "").kill({ signal: "SIGKILL" });
}

test("a sweep with a run that fails shows no secret to anybody", async () => {
  const worker = harness.service("worker").pid;
  expect(readFileSync(`/proc/${worker}/environ`, "latin1")).toContain(API_KEY); // or nothing would be proven
  const sampling = setInterval(() => canary.lookAtProcesses(), SAMPLE_EVERY_MS);
  try {
    const undisturbed = harness.start("run", harness.writeSpec("undisturbed"), "--json");
    canary.addRun(firstRunOf(await undisturbed.sweepId()));
    canary.lookAtOutput(textOf(await undisturbed.finished), "what run printed");

    const disturbed = harness.start("run", harness.writeSpec("disturbed", { duration: "20s", attempts: 1 }), "--json");
    const sweepId = await disturbed.sweepId();
    canary.addRun(firstRunOf(sweepId));
    await harness.untilMainLoop(sweepId);
    const { containersSearched } = await canary.look();
    expect(containersSearched).toBeGreaterThanOrEqual(2);
    await killNode(firstRunOf(sweepId));
    const result = await disturbed.finished;
    canary.lookAtOutput(textOf(result), "what run printed");
    expect(parseSweep(result).runs).toMatchObject([{ status: "INVALID", reason: expect.stringMatching(/^node lost/) }]);
    await Promise.all(readingCommands(sweepId).map(lookAtCommand));
  } finally {
    clearInterval(sampling);
  }
  await lookAtImage();
  await lookAtHistories();
  await lookAtCrashReport();
  await canary.look();
  expect(canary.found).toEqual([]);
});

const firstRunOf = (sweepId: string): string => runIdOf({ sweepId, point: 1, repetition: 1, attempt: 1 });

const textOf = ({ stdout, stderr }: CommandResult): string => `${stdout}\n${stderr}`;

const readingCommands = (sweepId: string): string[][] => [
  ["status", sweepId, "--json"],
  ["logs", firstRunOf(sweepId)],
  ["export", sweepId],
  ["report", sweepId, "--out", join(harness.home, "report")],
  ["doctor", "--json"],
  ["list", "--json"],
  ["queue", "--json"],
];

async function lookAtCommand(args: readonly string[]): Promise<void> {
  const text = textOf(await harness.run(...args)).trim();
  expect(text).not.toBe("");
  canary.lookAtOutput(text, `what ${args[0]} printed`);
}

async function lookAtImage(): Promise<void> {
  const image = docker.getImage((await requireNodeImage()).tag);
  canary.lookAtOutput(JSON.stringify([await image.inspect(), await image.history()]), "the node image");
}

async function lookAtHistories(): Promise<void> {
  const workflows = await readWorkflows(harness);
  expect(workflows.map(({ type }) => type)).toEqual(expect.arrayContaining(["sweepWorkflow", "benchmarkRunWorkflow"]));
  canary.lookAtHistories(workflows);
}

/** It is written as if the worker had crashed. */
async function lookAtCrashReport(): Promise<void> {
  process.kill(harness.service("worker").pid, "SIGUSR2");
  await expect.poll(() => readCrashReports().map(isWhole), POLL).toEqual([true]);
  for (const text of readCrashReports()) canary.lookAtOutput(text, "the crash report");
}

const readCrashReports = () => readdirSync(reports.path).map((name) => readFileSync(reports.join(name), "utf8"));

const isWhole = (report: string): boolean => report.trimEnd().endsWith("}");
