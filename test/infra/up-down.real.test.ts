import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "#infra/console/commands";
import { type Installation, locateInstallation } from "#worker/installation";
import { readLocalServices } from "#worker/local-services";
import { isAlive } from "#activities/process-identity";

const CLI = join(import.meta.dirname, "..", "..", "cli", "main.ts");

let installation: Installation;
let env: NodeJS.ProcessEnv;
/** Keeps Temporal's usual port, so that another one has to be found; undefined where somebody has it already. */
let occupant: Server | undefined;

beforeAll(async () => {
  const home = mkdtempSync(join(tmpdir(), "meshbench-up-"));
  const { TEMPORAL_ADDRESS: _, ...inherited } = process.env;
  env = { ...inherited, MESHBENCH_HOME: home };
  installation = locateInstallation(env);
  occupant = await occupy(7233);
});
afterAll(async () => {
  await meshbench("down", "--force");
  await new Promise<void>((resolve) => (occupant ? occupant.close(() => resolve()) : resolve()));
  rmSync(installation.home, { recursive: true });
});

test("up --only temporal starts a server on a free port, doctor finds it, and down leaves nothing", async () => {
  const up = JSON.parse(await meshbench("up", "--only", "temporal", "--json")) as { services: { address: string }[] };
  const { supervisor, services } = readLocalServices(installation)!;
  expect(up.services).toEqual(services);
  expect(services).toMatchObject([
    { name: "temporal", state: "running", address: expect.not.stringContaining(":7233") },
  ]);

  const findings = await askDoctor();
  expect(findings["Temporal server"]).toMatchObject({ ok: true, found: `${services[0]!.address}, namespace default` });
  expect(findings["search attributes"]).toMatchObject({ ok: true });
  expect(findings["worker"]).toMatchObject({ ok: false, mend: "npx meshbench up" });

  await meshbench("up", "--only", "temporal");
  expect(readLocalServices(installation)).toEqual({ supervisor, services });

  expect(JSON.parse(await meshbench("down", "--json"))).toEqual({ stopped: ["temporal"] });
  for (const each of [supervisor, services[0]!.process!]) expect(isAlive(each)).toBe(false);
  expect(readdirSync(installation.runtimeDir)).toEqual([]);
});

test("a Temporal server that is configured is used, and none is started", async () => {
  await meshbenchWith({ TEMPORAL_ADDRESS: "127.0.0.1:9" }, "up", "--only", "temporal");
  expect(readLocalServices(installation)).toBeUndefined();
});

test("doctor ends with exit code 5 where something is missing", async () => {
  await expect(meshbench("doctor")).rejects.toThrow("exit 5");
});

async function askDoctor(): Promise<Record<string, object>> {
  // Its exit code is that of the whole machine.
  const script = `"$0" "$1" doctor --json || true`;
  const printed = await runCommand("bash", ["-c", script, process.execPath, CLI], { env });
  const { checks } = JSON.parse(printed) as { checks: { name: string }[] };
  return Object.fromEntries(checks.map((check) => [check.name, check]));
}

function meshbench(...args: readonly string[]): Promise<string> {
  return meshbenchWith({}, ...args);
}

function meshbenchWith(more: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<string> {
  return runCommand(process.execPath, [CLI, ...args], { env: { ...env, ...more } });
}

function occupy(port: number): Promise<Server | undefined> {
  // Whoever calls is not kept: an open connection would hold up the end of the test.
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen({ port, host: "127.0.0.1" }, () => resolve(server));
  });
}
