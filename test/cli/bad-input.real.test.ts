import { once } from "node:events";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runMeshbench, startMeshbench } from "#test/support/meshbench-command";
import type { CommandResult } from "#test/support/meshbench-command";
import { TempDir } from "#test/support/temp-dir";

/** Starting the command takes half a second, on a busy machine more. */
const PATIENCE = { timeout: 30_000 };
/** Nothing listens there. */
const NOWHERE = "127.0.0.1:1";

let dir: TempDir;
beforeAll(() => {
  dir = new TempDir();
});
afterAll(() => dir[Symbol.dispose]());

let homes = 0;
const newHome = () => dir.join(`home-${++homes}`);

/** @param home - Not made here: nobody may make it for a command that is refused. */
function meshbench(args: readonly string[], home = newHome(), env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  const { DOCKER_HOST: _, ...inherited } = process.env;
  return runMeshbench(args, { ...inherited, MESHBENCH_HOME: home, TEMPORAL_ADDRESS: NOWHERE, ...env });
}

function writeSpec(name: string, lines: readonly string[]): string {
  const path = dir.join(name);
  writeFileSync(path, lines.join("\n"));
  return path;
}

function makeHome(hostsFile: object): string {
  const home = newHome();
  mkdirSync(`${home}/secrets`, { recursive: true, mode: 0o700 });
  writeFileSync(`${home}/hosts.yaml`, JSON.stringify(hostsFile), { mode: 0o600 });
  writeFileSync(`${home}/secrets/host-local`, "5".repeat(64), { mode: 0o600 });
  return home;
}

const hostWith = (endpoint: string) => ({
  hosts: { local: { secret_file: "secrets/host-local", docker: { endpoint } } },
});

describe.concurrent("refused with exit 2, a line for each mistake, and nothing made:", PATIENCE, () => {
  test("a spec, with all that is wrong in file and flags", async () => {
    const spec = writeSpec("wrong.yaml", [
      "version: 1",
      "name: wrong",
      "environments:",
      "  vms: { provider: ESXI, cpus: 1, memory: 512MiB }",
      "nodez: 2",
      "rate: 0",
      "duration: 10",
    ]);
    const home = newHome();
    const { exitCode, stdout, stderr } = await meshbench(["run", spec, "--set", "nodes=1e2"], home);
    expect(stderr.trimEnd().split("\n")).toEqual([
      'error: --set nodes: got "1e2"; decimal integer only, no exponent/hex/blank; must be an integer 1..256',
      `error: ${spec}:4:20: environments.vms.provider: got "ESXI"; one of docker, esxi, qemu, process; did you mean esxi`,
      `error: ${spec}:5:8: nodez: got 2; unknown key; did you mean nodes`,
      expect.stringMatching(/:6:7: rate: got 0; must be an integer 1\.\.10 000 000/),
      expect.stringMatching(/:7:11: duration: got 10; unit required/),
    ]);
    expect({ exitCode, stdout, made: existsSync(home) }).toEqual({ exitCode: 2, stdout: "", made: false });
  });

  test.for([
    { args: ["measure"], says: /^error: unknown command 'measure'/ },
    { args: ["plan", "quick", "--wat"], says: /^error: unknown option '--wat'/ },
    { args: ["plan", "quick", "slow"], says: /^error: too many arguments for 'plan'/ },
    { args: ["run"], says: /^error: missing required argument 'spec'/ },
    { args: ["run", "quick", "--on-interrupt", "panic"], says: /^error: option .* 'panic' is invalid/ },
    { args: ["plan", "qick"], says: /^error: spec: got "qick"; no such file; did you mean quick\n$/ },
    { args: ["plan", "quick", "--set", "nodes"], says: /^error: --set: got "nodes"; must be key=value; .*\n$/ },
    { args: ["plan", "quick", "--env", "vms"], says: /^error: --env: got "vms"; unknown environment; .*\n$/ },
    { args: ["report", "x"], says: /^error: ID: got "x"; no such sweep; meshbench list shows all sweeps\n$/ },
    { args: ["logs", "../x"], says: /^error: RUN: got "\.\.\/x"; no run id; .*\n$/ },
    { args: ["logs", "a-p1-r1-a1", "0"], says: /^error: NODE: got "0"; .*\n$/ },
  ])("meshbench $args", async ({ args, says }) => {
    const home = newHome();
    const { exitCode, stdout, stderr } = await meshbench(args, home);
    expect(stderr).toMatch(says);
    expect({ exitCode, stdout, made: existsSync(home) }).toEqual({ exitCode: 2, stdout: "", made: false });
  });

  test("a host that the operator does not have", async () => {
    const home = makeHome(hostWith("unix:///var/run/docker.sock"));
    const host = "environments.containers.host=elsewhere";
    const { exitCode, stderr } = await meshbench(["run", "quick", "--set", host], home);
    expect(stderr).toMatch(/^error: --set environments\.containers\.host: got "elsewhere"; unknown host; known: local/);
    expect(exitCode).toBe(2);
  });

  test("an engine over plain TCP", async () => {
    const { exitCode, stderr } = await meshbench(["logs", "a-p1-r1-a1"], makeHome(hostWith("tcp://engine:2375")));
    expect(stderr).toMatch(
      /^error: hosts\.local\.docker\.endpoint: got "tcp:\/\/engine:2375"; plain TCP gives root .*\n$/,
    );
    expect(exitCode).toBe(2);
  });

  test.for([
    ["a file", (path: string) => writeFileSync(path, ""), /cannot be made: EEXIST/],
    ["a link", (path: string) => symlinkSync(dir.path, path), /is a symbolic link/],
    [
      "a folder of something else",
      (path: string) => mkdirSync(`${path}/photos`, { recursive: true }),
      /holds no results/,
    ],
  ] as const)("results in the place of %s", async ([, occupy, says]) => {
    const home = makeHome(hostWith("unix:///var/run/docker.sock"));
    occupy(`${home}/results`);
    for (const args of [["list"], ["run", "quick"]]) {
      const { exitCode, stderr } = await meshbench(args, home);
      expect(stderr).toMatch(/^error: results directory: got ".*\/results"; .*\n$/);
      expect(stderr).toMatch(says);
      expect(exitCode).toBe(2);
    }
  });
});

describe("where a service is not there, exit 5 in a line, within 10 s:", PATIENCE, () => {
  test("an engine's socket that is missing", async () => {
    const { exitCode, stderr } = await meshbench(["logs", "a-p1-r1-a1"], makeHome(hostWith("unix:///nowhere.sock")));
    expect(stderr).toMatch(/^error: Docker engine at \/nowhere\.sock: ENOENT; .*meshbench up\n$/);
    expect(exitCode).toBe(5);
  });

  test("a port where no Temporal server listens, and nothing is made", async () => {
    const home = newHome();
    for (const args of [
      ["run", "quick"],
      ["watch", "x"],
    ]) {
      const { exitCode, stderr, tookSec } = await meshbench(args, home);
      expect(stderr).toMatch(/^error: Temporal at 127\.0\.0\.1:1: nothing listens there; .*\n$/);
      expect({ exitCode, made: existsSync(home) }).toEqual({ exitCode: 5, made: false });
      expect(tookSec).toBeLessThan(10);
    }
  });

  test("an HTTP server in the place of Temporal", async () => {
    const server = createServer((_, response) => response.end("hello"));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { exitCode, stderr, tookSec } = await meshbench(["queue"], newHome(), { TEMPORAL_ADDRESS: address });
    server.close();
    expect(stderr).toMatch(/: an HTTP server answers there, not Temporal; .*\n$/);
    expect(exitCode).toBe(5);
    expect(tookSec).toBeLessThan(10);
  });
});

test("list on a machine where nothing was measured says so, and makes nothing", PATIENCE, async () => {
  const home = newHome();
  expect(await meshbench(["list"], home)).toMatchObject({
    exitCode: 0,
    stdout: "no sweeps yet; try: meshbench run quick\n",
  });
  expect(existsSync(home)).toBe(false);
});

test("a reader that has seen enough ends the command without a word", PATIENCE, async () => {
  const command = startMeshbench(["plan", "paper/test-3", "--json"], process.env);
  command.stopReading();
  expect(await command.finished).toMatchObject({ exitCode: 0, stderr: "" });
});
