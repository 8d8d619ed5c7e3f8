import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { stopServices, superviseServices } from "#infra/supervisor/control";
import { secretsOfWorker } from "#infra/supervisor/environment";
import type { ServiceSpec } from "#infra/supervisor/service";
import { UnavailableError } from "#model/errors";
import { type Installation, locateInstallation } from "#worker/installation";
import { readLocalServices } from "#worker/local-services";
import { identifyProcess, isAlive } from "#activities/process-identity";

// Processes are started and ended in each; they wait for conditions, which a busy machine takes longer to meet.
vi.setConfig({ testTimeout: 30_000 });

let installation: Installation;
let journal: string;
beforeEach(() => {
  installation = locateInstallation({ MESHBENCH_HOME: mkdtempSync(join(tmpdir(), "meshbench-supervisor-")) });
  journal = join(installation.home, "journal");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await stopServices(installation);
  rmSync(installation.home, { recursive: true });
});

/** Writes its end into the journal. */
const LASTING = (name: string, file: string) => `
  trap 'echo ${name} ended >> ${file}; exit 0' TERM
  sleep 1000 & wait`;

function service(name: string, script = LASTING(name, journal), more: Partial<ServiceSpec> = {}): ServiceSpec {
  const logFile = join(installation.logsDir, `${name}.log`);
  return { name, command: ["bash", "-c", script], logFile, graceSec: 2, ...more };
}

const environment = (pid: number) => readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");

const find = (name: string) => readLocalServices(installation)?.services.find((each) => each.name === name);

test("secrets reach the service that they are for, and neither the supervisor nor the others", async () => {
  vi.stubEnv("TEMPORAL_API_KEY", "canary-key");
  vi.stubEnv("GITHUB_TOKEN", "canary-token");
  vi.stubEnv("MESHBENCH_SAMPLE", "no secret");
  await superviseServices(installation, [service("worker", undefined, { env: secretsOfWorker() }), service("other")]);
  const [worker, other, supervisor] = [
    find("worker")!.process!,
    find("other")!.process!,
    readLocalServices(installation)!.supervisor,
  ].map(({ pid }) => environment(pid));
  expect(worker).toEqual(expect.arrayContaining(["TEMPORAL_API_KEY=canary-key", "MESHBENCH_SAMPLE=no secret"]));
  expect(worker!.join()).not.toContain("canary-token");
  for (const others of [other, supervisor]) {
    expect(others).toContain("MESHBENCH_SAMPLE=no secret");
    expect(others!.join()).not.toContain("canary");
  }
  expect(statSync(join(installation.runtimeDir, "plan.json")).mode & 0o777).toBe(0o600);
});

test("a service killed with SIGKILL is started again", async () => {
  await superviseServices(installation, [service("one")]);
  const killed = find("one")!.process!;
  process.kill(killed.pid, "SIGKILL");
  await vi.waitFor(() => expect(find("one")).toMatchObject({ state: "running", restarts: 1 }), 15_000);
  expect(find("one")!.process!.pid).not.toBe(killed.pid);
  expect(isAlive(killed)).toBe(false);
});

test("services are stopped in reverse order, and nothing is left", async () => {
  await superviseServices(installation, [service("one"), service("two")]);
  const { supervisor, services } = readLocalServices(installation)!;
  expect(await stopServices(installation)).toEqual(["one", "two"]);
  expect(readFileSync(journal, "utf8")).toBe("two ended\none ended\n");
  for (const each of [supervisor, ...services.map(({ process: of }) => of!)]) expect(isAlive(each)).toBe(false);
  expect(readLocalServices(installation)).toBeUndefined();
});

test("a service that ignores SIGTERM is killed after its grace, with its children", async () => {
  const childFile = join(installation.home, "child");
  const deaf = `trap '' TERM; sleep 1000 & echo $! > ${childFile}; wait`;
  await superviseServices(installation, [service("deaf", deaf, { graceSec: 0.2 })]);
  const child = await vi.waitFor(() => Number(readFileSync(childFile, "utf8").trim() || Number.NaN));
  await stopServices(installation);
  expect(identifyProcess(child)).toBeUndefined();
});

test("a second up changes nothing", async () => {
  await superviseServices(installation, [service("one")]);
  const first = readLocalServices(installation);
  await superviseServices(installation, [service("one")]);
  expect(readLocalServices(installation)).toEqual(first);
});

test("a service that is added later leaves the others alone", async () => {
  await superviseServices(installation, [service("one")]);
  const one = find("one");
  await superviseServices(installation, [service("one"), service("two")]);
  expect(find("one")).toEqual(one);
  expect(find("two")!.state).toBe("running");
});

test("what a killed supervisor left is ended by the next one", async () => {
  await superviseServices(installation, [service("one")]);
  const { supervisor, services } = readLocalServices(installation)!;
  const orphan = services[0]!.process!;
  process.kill(supervisor.pid, "SIGKILL");
  await vi.waitFor(() => expect(readLocalServices(installation)).toBeUndefined());
  expect(isAlive(orphan)).toBe(true);
  await superviseServices(installation, [service("one")]);
  expect(isAlive(orphan)).toBe(false);
});

test("down ends what a killed supervisor left", async () => {
  await superviseServices(installation, [service("one")]);
  const { supervisor, services } = readLocalServices(installation)!;
  process.kill(supervisor.pid, "SIGKILL");
  await vi.waitFor(() => expect(isAlive(supervisor)).toBe(false));
  expect(await stopServices(installation)).toEqual(["one"]);
  expect(isAlive(services[0]!.process!)).toBe(false);
});

test("a service that cannot start is reported with the end of its log", async () => {
  const broken = service("broken", "echo port taken; exit 3", {
    readyAt: { socketPath: join(installation.home, "never"), url: "/" },
  });
  const failure = superviseServices(installation, [broken]);
  await expect(failure).rejects.toThrow(UnavailableError);
  await expect(failure).rejects.toThrow("  port taken");
});

test("a program that does not exist is reported by name", async () => {
  const missing = { ...service("missing"), command: ["/nonexistent/program"] as const };
  await expect(superviseServices(installation, [missing])).rejects.toThrow("/nonexistent/program");
});

test("what a killed predecessor left in the way is removed before a start", async () => {
  const staleFile = join(installation.home, "pid-file");
  writeFileSync(staleFile, "1");
  const picky = `test ! -e ${staleFile} && exec sleep 1000`;
  await superviseServices(installation, [service("picky", picky, { staleFiles: [staleFile] })]);
  expect(existsSync(staleFile)).toBe(false);
});
