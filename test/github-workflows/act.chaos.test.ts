/**
 * comment.yml itself, both jobs of it, run by `act` on this machine: gate, queue, and what the bench then reports. GitHub is
 * the double; actions are stand-ins, of which `checkout` clones this checkout.
 */

import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Steps } from "#infra/console/steps";
import { ensureGoTool } from "#infra/go-tools/tool";
import { locateInstallation } from "#worker/installation";
import { reportingTo } from "#test/support/github/app-key";
import { packCommit } from "#test/support/github/commit-archive";
import { GithubDouble, JOB_TOKEN } from "#test/support/github/github-double";
import { InstallationHarness, until } from "#test/support/installation-harness";
import { TempDir } from "#test/support/temp-dir";

const CHECKOUT = join(import.meta.dirname, "..", "..");
const WORKFLOW = join(".github", "workflows", "comment.yml");
const [HEAD, BASE] = ["a", "b"].map((digit) => digit.repeat(40)) as [string, string];
const dir = new TempDir();
let github: GithubDouble;
let harness: InstallationHarness;
let act: string;

beforeAll(async () => {
  act = await ensureGoTool("act", locateInstallation(), new Steps());
  github = await GithubDouble.start();
  github.permissions.set("ada", "write");
  github.pulls.set(7, { number: 7, headSha: HEAD, baseSha: BASE, mergeBaseSha: BASE });
  for (const sha of [HEAD, BASE]) github.tarballs.set(sha, await packCommit());
  harness = await InstallationHarness.up(reportingTo(github));
  github.files.set(`${HEAD}:bench/small.yaml`, readFileSync(harness.writeSpec("small"), "utf8"));
  execFileSync("git", ["clone", "-q", CHECKOUT, dir.join("repository")]);
  writeAction("checkout", `git clone -q ${dir.join("repository")} .`);
  writeAction("setup-node", "true");
  mkdirSync(dir.join("bin"));
  const command = `#!/bin/sh\nMESHBENCH_HOME=${harness.home} exec ${process.execPath} ${CHECKOUT}/cli/main.ts "$@"\n`;
  writeFileSync(dir.join("bin", "meshbench"), command, { mode: 0o755 });
});

afterAll(async () => {
  await harness?.[Symbol.asyncDispose]();
  await github?.stop();
  dir[Symbol.dispose]();
});

/** A stand-in for an action of GitHub's. */
function writeAction(name: string, command: string): void {
  mkdirSync(dir.join(name));
  const steps = [{ run: command, shell: "bash" }];
  writeFileSync(dir.join(name, "action.yml"), JSON.stringify({ name, runs: { using: "composite", steps } }));
}

/** @returns What act printed. */
function runWorkflow(event: object): Promise<{ exitCode: number | null; output: string }> {
  writeFileSync(dir.join("event.json"), JSON.stringify(event));
  const workflow = readFileSync(join(CHECKOUT, WORKFLOW), "utf8");
  const standIns = ["checkout", "setup-node"].flatMap((name) => {
    const pinned = new RegExp(`actions/${name}@[0-9a-f]{40}`).exec(workflow)?.[0];
    return ["--local-repository", `${pinned}=${dir.join(name)}`];
  });
  const machines = ["ubuntu-latest", "self-hosted", "meshbench"].flatMap((label) => ["-P", `${label}=-self-hosted`]);
  const token = ["-s", `GITHUB_TOKEN=${JOB_TOKEN}`, "--env", `GITHUB_API_URL=${github.url}`];
  const args = ["issue_comment", "-W", WORKFLOW, "-e", dir.join("event.json"), ...machines, ...standIns, ...token];
  const path = [dir.join("bin"), join(process.execPath, ".."), process.env["PATH"]].join(":");
  const child = spawn(act, args, { cwd: dir.join("repository"), env: { ...process.env, HOME: dir.path, PATH: path } });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => child.once("close", (exitCode) => resolve({ exitCode, output })));
}

test("a comment goes through both jobs to a sweep of head and base, and its report", async () => {
  const event = github.comment(7, "ada", "/bench run bench/small.yaml");
  const { exitCode, output } = await runWorkflow(event);
  expect(output).toContain("Job succeeded");
  expect(exitCode).toBe(0);
  await until("the final comment", 120, () => github.ours("final").length > 0);
  await until("the check is concluded", 30, () => github.checks[0]?.conclusion === "neutral");
  expect(github.ours("final")[0]?.body).toContain("2 of 2 runs VALID");
  expect(github.reactions.map(({ content }) => content)).toEqual(["eyes", "rocket"]);
  expect(output).not.toContain(JOB_TOKEN);
});

test("a comment of somebody without write access ends at the gate: the bench's job is skipped", async () => {
  github.permissions.set("bob", "read");
  const { output } = await runWorkflow(github.comment(7, "bob", "/bench run bench/small.yaml"));
  expect(output).toContain("refuse: permission found: read; needed: write");
  expect(output).not.toContain("github submit");
  expect(github.ours("refusal")).toHaveLength(1);
});
