import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { readJobInputs } from "#cli/github/job-inputs";
import { readSourceCommit, readSourceFile } from "#cli/github/job-source";
import { isSweepId } from "#model/ids";
import { WORKFLOW_FILES } from "#test/support/github/workflow-files";
import { TempDir } from "#test/support/temp-dir";

const IMAGE = `ghcr.io/octo/node@sha256:${"c".repeat(64)}`;
const COMMIT = "a".repeat(40);

let dir: TempDir;
beforeEach(() => {
  dir = new TempDir();
});
afterEach(() => dir[Symbol.dispose]());

const job = (change: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
  GITHUB_REPOSITORY: "Octo/Mesh.js",
  GITHUB_RUN_ID: "77",
  GITHUB_RUN_ATTEMPT: "1",
  MESHBENCH_SPEC: "quick",
  MESHBENCH_SET: "",
  MESHBENCH_REF: "",
  ...change,
});

const sweepIdOf = (change: NodeJS.ProcessEnv) => readJobInputs(job(change)).sweepId;

test("a job's sweep has one id in all attempts of the job", () => {
  expect(sweepIdOf({ GITHUB_RUN_ATTEMPT: "2" })).toBe(sweepIdOf({}));
  expect(sweepIdOf({})).toMatch(/^job-octo-mesh-js-77-[0-9a-f]{8}$/);
  const longest = { GITHUB_REPOSITORY: `o/${"r".repeat(100)}`, GITHUB_RUN_ID: "9".repeat(20) };
  expect(isSweepId(sweepIdOf(longest))).toBe(true);
});

test("jobs of one run that ask for different things, as those of a matrix do, have a sweep each", () => {
  const asked = [{}, { MESHBENCH_SET: "nodes=4" }, { MESHBENCH_REF: "main" }, { MESHBENCH_SPEC: "a.yaml" }];
  expect(new Set(asked.map(sweepIdOf)).size).toBe(asked.length);
});

test("what is set a line each counts as a whole", () => {
  const lines = { MESHBENCH_SPEC: "quick\n", MESHBENCH_SET: "nodes=4\n  repetitions=3\n" };
  expect(readJobInputs(job(lines)).command).toMatchObject({ spec: "quick", set: ["nodes=4", "repetitions=3"] });
});

test("an image of one's own is what is measured", () => {
  const { command, node } = readJobInputs(job({ MESHBENCH_SET: `image=${IMAGE} nodes=4 prio=5` }));
  expect(command).toMatchObject({ set: ["nodes=4"], priority: 5 });
  expect(node).toEqual({ kind: "image", image: IMAGE });
});

test("a Dockerfile in the repository makes the node that is measured, else the commit itself does, else what is installed", () => {
  const nodeOf = (change: NodeJS.ProcessEnv) => readJobInputs(job(change)).node;
  const { command, node } = readJobInputs(job({ MESHBENCH_SET: "nodes=4 dockerfile=bench/Dockerfile" }));
  expect(node).toEqual({ kind: "dockerfile", path: "bench/Dockerfile" });
  expect(command.set).toEqual(["nodes=4"]);
  expect(nodeOf({ MESHBENCH_SET: "dockerfile=Dockerfile", MESHBENCH_REF: "main" })).toMatchObject({
    kind: "dockerfile",
  });
  expect(nodeOf({ MESHBENCH_REF: "main" })).toEqual({ kind: "source" });
  expect(nodeOf({})).toEqual({ kind: "installed" });
});

test.for<[string, NodeJS.ProcessEnv, RegExp]>([
  ["what a job is compared with", { MESHBENCH_SET: "nodes=4 vs=base" }, /vs.*not for jobs/s],
  ["a commit beside the input that names it", { MESHBENCH_SET: `sha=${COMMIT}` }, /sha.*input `ref`/s],
  ["two nodes", { MESHBENCH_SET: `image=${IMAGE}`, MESHBENCH_REF: "main" }, /image.*two nodes/s],
  ["an image beside a Dockerfile", { MESHBENCH_SET: `image=${IMAGE} dockerfile=Dockerfile` }, /image.*two nodes/s],
  ["a Dockerfile elsewhere", { MESHBENCH_SET: "dockerfile=../Dockerfile" }, /dockerfile.*one path in the repository/s],
  ["two Dockerfiles", { MESHBENCH_SET: "dockerfile=a dockerfile=b" }, /dockerfile.*one path in the repository/s],
  ["an image that could change", { MESHBENCH_SET: "image=node:latest" }, /image.*digest/s],
  ["a machine that is no job's", { GITHUB_RUN_ID: "" }, /GITHUB_RUN_ID/],
])("refuses %s", ([, change, message]) => {
  expect(() => readJobInputs(job(change))).toThrow(message);
});

function git(...args: string[]): string {
  const identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
  return execFileSync("git", ["-C", dir.join("source"), ...identity, ...args], { encoding: "utf8" }).trim();
}

test("what is built is called after the commit that is there, not after the job's", async () => {
  mkdirSync(dir.join("source"));
  git("init", "-q");
  git("commit", "-q", "--allow-empty", "-m", "one");
  expect(await readSourceCommit(dir.join("source"))).toBe(git("rev-parse", "HEAD"));
});

test("a checkout without git has no commit to be called after", async () => {
  mkdirSync(dir.join("source"));
  await expect(readSourceCommit(dir.join("source"))).rejects.toThrow("git does not say which commit");
});

test("a spec is a file of the repository, whatever a link says", async () => {
  mkdirSync(dir.join("source"));
  writeFileSync(dir.join("outside.yaml"), "x");
  symlinkSync(dir.join("outside.yaml"), dir.join("source", "link.yaml"));
  writeFileSync(dir.join("source", "spec.yaml"), "name: x\n");
  expect(await readSourceFile(dir.join("source"), "spec.yaml")).toBe("name: x\n");
  await expect(readSourceFile(dir.join("source"), "link.yaml")).rejects.toThrow("no such file in the repository");
});

interface SweepJob {
  readonly env: object;
  readonly steps: readonly { readonly env?: object; readonly with?: object }[];
}

test("sweep.yml tells all its steps what the job asks for, and uploads what lies in the job's own folder", () => {
  const { jobs } = parse(WORKFLOW_FILES["sweep.yml"] ?? "") as { jobs: { sweep: SweepJob } };
  expect(Object.keys(jobs.sweep.env)).toEqual(
    expect.arrayContaining(["MESHBENCH_SPEC", "MESHBENCH_SET", "MESHBENCH_REF"]),
  );
  const own = jobs.sweep.steps.flatMap(({ env = {} }) => Object.keys(env));
  expect(own).toEqual(["MESHBENCH_RELEASE"]);
  expect(jobs.sweep.steps.at(-1)?.with).toMatchObject({
    name: "${{ steps.sweep.outputs.sweep || 'report' }}",
    path: "${{ runner.temp }}/report",
  });
});
