/** Canaries in the place of every secret that an installation has: none of them shows where anybody could read it. */

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

const API_KEY = "canary-of-temporal-cloud";
const TOKEN = "canary-of-github";
const SAMPLE_EVERY_MS = 100;

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
  const worker = `environ of process ${harness.service("worker").pid}`;
  canary = new SecretCanary(harness, [
    // On its way to the worker it is in the plan, which only the owner may read.
    {
      name: "Temporal's key",
      value: API_KEY,
      belongsIn: (where) => [worker, "run/plan.json"].includes(where) || isCommand(where),
    },
    { name: "GitHub's token", value: TOKEN, belongsIn: isCommand },
  ]);
});

afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  reports[Symbol.dispose]();
});

/** Commands have the environment that their user has: here, whatever descends from this process. */
function isCommand(where: string): boolean {
  const pid = /^environ of process (\d+)$/.exec(where)?.[1];
  return pid !== undefined && descendsFromHere(Number(pid));
}

function descendsFromHere(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    const parent = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    return parent > 1 && descendsFromHere(parent);
  } catch {
    return true; // ended since: nobody can say whose it was
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
    process.kill(worker, "SIGUSR2");
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
  expect(lookAtCrashReports()).toBeGreaterThan(0);
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
  // Messages of failures are no payloads.
  for (const { workflowId, history } of workflows) {
    canary.lookAtOutput(JSON.stringify(history), `the history of ${workflowId}`);
  }
}

/** @returns How many there are. */
function lookAtCrashReports(): number {
  const names = readdirSync(reports.path);
  for (const name of names) canary.lookAtOutput(readFileSync(reports.join(name), "utf8"), name);
  return names.length;
}
