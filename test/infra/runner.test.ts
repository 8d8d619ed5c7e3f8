/** The poller for one-use runners, on a double of GitHub and with a stand-in for its runner. */

import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { serveJobs, type RunnerSettings } from "#infra/runner/serve-jobs";
import { openAppAt } from "#test/support/github/app-key";
import { GithubDouble } from "#test/support/github/github-double";
import packageJson from "#package.json" with { type: "json" };
import { TempDir } from "#test/support/temp-dir";

// Writes are a second apart here, too.
vi.setConfig({ testTimeout: 20_000 });

let github: GithubDouble;
let dir: TempDir;

beforeEach(async () => {
  github = await GithubDouble.start();
  dir = new TempDir();
});

afterEach(async () => {
  vi.restoreAllMocks();
  dir[Symbol.dispose]();
  await github.stop();
});

/** @param script - What stands in for GitHub's runner. */
async function serve(script: string, until: () => boolean, change: Partial<RunnerSettings> = {}): Promise<string[]> {
  writeFileSync(dir.join("run.sh"), `#!/bin/sh\n${script}\n`);
  chmodSync(dir.join("run.sh"), 0o755);
  const notes: string[] = [];
  const done = new AbortController();
  const app = openAppAt(github);
  const settings: RunnerSettings = {
    repository: github.repository,
    labels: ["meshbench", "lab-1"],
    folder: dir.path,
    installation: { home: dir.join("home"), cache: dir.join("cache") },
    hostId: "lab-1",
    pollEveryMs: 5,
    idleLimitMs: 60_000,
    note: (text) => notes.push(text),
    ...change,
  };
  const serving = serveJobs(await app.forRepository(github.repository), settings, done.signal);
  await expect.poll(until, { interval: 5, timeout: 15_000 }).toBe(true);
  done.abort();
  await serving;
  return notes;
}

const polls = () => github.requests.filter(({ path }) => path.endsWith("/actions/runs"));
const registrations = () => github.requests.filter(({ path }) => path.endsWith("/generate-jitconfig"));

test("a job that waits for this host gets a runner of its own, which is gone with it", async () => {
  github.jobs.push({ id: 1, status: "queued", labels: ["self-hosted", "meshbench"] });
  github.disturb = (method, path) => {
    if (method === "DELETE" && path.includes("/runners/") && github.jobs[0]) github.jobs[0].status = "completed";
    return undefined;
  };
  const script = 'tr "\\0" "\\n" < /proc/$$/environ > environment; tr "\\0" " " < /proc/$$/cmdline > arguments';
  const isOver = () => github.jobs[0]?.status === "completed" && github.runners.length === 0;
  const notes = await serve(script, isOver);
  expect(registrations()).toHaveLength(1);
  expect(registrations()[0]?.body).toMatchObject({ labels: ["self-hosted", "meshbench"], work_folder: "_work" });
  expect(readFileSync(dir.join("environment"), "utf8")).toMatch(/^ACTIONS_RUNNER_INPUT_JITCONFIG=config-of-\d+$/m);
  expect(readFileSync(dir.join("arguments"), "utf8")).not.toContain("config-of");
  expect(notes.join("\n")).not.toContain("config-of");
});

test("a job's meshbench is the poller's own, and works on the installation that the poller works for", async () => {
  github.jobs.push({ id: 1, status: "queued", labels: ["self-hosted", "meshbench"] });
  vi.stubEnv("MESHBENCH_HOME", undefined);
  const script = 'tr "\\0" "\\n" < /proc/$$/environ > environment; meshbench --version > version; touch ended';
  await serve(script, () => existsSync(dir.join("ended")));
  vi.unstubAllEnvs();
  const environment = readFileSync(dir.join("environment"), "utf8").trim().split("\n");
  expect(environment).toContain(`MESHBENCH_HOME=${dir.join("home")}`);
  expect(environment).toContain(`MESHBENCH_CACHE=${dir.join("cache")}`);
  const names = environment.map((line) => line.split("=")[0]).filter((name) => name !== "LANG");
  const expected = ["ACTIONS_RUNNER_INPUT_JITCONFIG", "HOME", "MESHBENCH_CACHE", "MESHBENCH_HOME", "PATH"];
  expect(new Set(names)).toEqual(new Set(expected));
  expect(readFileSync(dir.join("version"), "utf8").trim()).toBe(packageJson.version);
});

test("jobs for other machines, and those that still wait for a reviewer, make no runner", async () => {
  github.jobs.push(
    { id: 1, status: "queued", labels: ["ubuntu-latest"] },
    { id: 2, status: "queued", labels: ["self-hosted", "meshbench", "lab-2"] },
    { id: 3, status: "waiting", labels: ["self-hosted", "meshbench"] },
  );
  await serve("touch started", () => github.requests.length > 20);
  expect(registrations()).toEqual([]);
  expect(existsSync(dir.join("started"))).toBe(false);
});

test("a runner whose job was cancelled meanwhile is ended and removed", async () => {
  github.jobs.push({ id: 1, status: "queued", labels: ["self-hosted", "meshbench"] });
  github.disturb = (_, path) => {
    if (path.endsWith("/generate-jitconfig") && github.jobs[0]) github.jobs[0].status = "completed";
    return undefined;
  };
  const isRemoved = () => github.requests.some(({ method }) => method === "DELETE");
  await serve("exec sleep 600", isRemoved, { idleLimitMs: 50 });
  expect(github.runners).toEqual([]);
});

test("a job for this host is found behind one of another host's in the same run", async () => {
  github.jobs.push(
    { id: 1, status: "queued", labels: ["self-hosted", "meshbench", "lab-2"] },
    { id: 1, status: "queued", labels: ["self-hosted", "meshbench"] },
  );
  await serve("true", () => registrations().length > 0);
  expect(registrations()[0]?.body).toMatchObject({ labels: ["self-hosted", "meshbench"] });
});

test("a job under way goes on while GitHub cannot say that it is, and its runner is removed after it", async () => {
  github.jobs.push({ id: 1, status: "queued", labels: ["self-hosted", "meshbench"] });
  let looks = 0;
  github.disturb = (method, path) => {
    if (method === "DELETE" && github.jobs[0]) github.jobs[0].status = "completed";
    if (method !== "GET" || !path.endsWith("/actions/runners")) return undefined;
    for (const runner of github.runners) runner.isBusy = true;
    looks += 1;
    if (looks === 3) writeFileSync(dir.join("step-ends"), "");
    return looks === 1 ? { status: 502 } : looks === 2 ? { status: 200, body: "cut off" } : undefined;
  };
  const script = "until [ -e step-ends ]; do sleep 0.01; done; touch job-ended";
  const isRemoved = () => github.requests.some(({ method }) => method === "DELETE");
  const notes = await serve(script, isRemoved, { idleLimitMs: 5 });
  expect(existsSync(dir.join("job-ended"))).toBe(true);
  expect(notes.join("\n")).toMatch(/GitHub: 502/);
  expect(github.runners).toEqual([]);
});

test("GitHub that cannot be reached is waited for", async () => {
  let refused = 0;
  const send = globalThis.fetch;
  vi.spyOn(globalThis, "fetch").mockImplementation((input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    if (!pathname.endsWith("/actions/runs") || refused === 3) return send(input, init);
    refused += 1;
    return Promise.reject(new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") }));
  });
  expect(await serve("true", () => polls().length > 0)).toEqual(Array(3).fill("GitHub: 500 connect ECONNREFUSED"));
});

test("an outage of GitHub's is waited for", async () => {
  let answers = 0;
  github.disturb = (_, path) => (path.endsWith("/actions/runs") && answers++ < 3 ? { status: 502 } : undefined);
  expect(await serve("true", () => answers > 5)).toHaveLength(3);
});
