import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { installUnits, removeUnits } from "#infra/runner/install-units";
import { RUNNER_UNIT, runnerUnit, WORKER_UNIT, workerUnit } from "#infra/runner/unit";
import { findProgram } from "#infra/console/commands";
import { TempDir } from "#test/support/temp-dir";

const SERVICE = { user: "bench", home: "/home/bench/.meshbench", cache: "/home/bench/.cache/meshbench" };
// Programs are started in some, which a busy machine takes longer for.
vi.setConfig({ testTimeout: 20_000 });

const COMMAND = [process.execPath, "/opt/meshbench/infra/supervisor/serve.ts"];
const UNITS = {
  [WORKER_UNIT]: workerUnit({ ...SERVICE, command: COMMAND }),
  [RUNNER_UNIT]: runnerUnit({ ...SERVICE, folder: "/opt/runner", command: [...COMMAND, "serve"] }),
};
const ROOTS = workerUnit({ ...SERVICE, user: "root", command: COMMAND });

let dir: TempDir;
beforeEach(() => {
  dir = new TempDir();
});
afterEach(() => dir[Symbol.dispose]());

const expectLines = (unit: string, lines: readonly string[]) =>
  expect(unit.split("\n")).toEqual(expect.arrayContaining([...lines]));

test("both services run as their user, write to their folders only, come back at boot, and hold no secret", () => {
  for (const unit of Object.values(UNITS)) {
    expectLines(unit, [
      "User=bench",
      "Environment=MESHBENCH_HOME=/home/bench/.meshbench MESHBENCH_CACHE=/home/bench/.cache/meshbench",
      "NoNewPrivileges=yes",
      "CapabilityBoundingSet=",
      "ProtectSystem=strict",
      "WantedBy=multi-user.target",
    ]);
    expect(unit).not.toMatch(/token|key|secret/i);
  }
  const folders = "/home/bench/.meshbench -/home/bench/.cache/meshbench";
  expectLines(UNITS[RUNNER_UNIT] ?? "", ["Restart=always", `ReadWritePaths=${folders} /opt/runner`]);
  expectLines(UNITS[WORKER_UNIT] ?? "", ["Restart=on-failure", `ReadWritePaths=${folders} /run/meshbench`]);
});

test("root's worker finds its nodes again: nothing gives it a view of file system, devices or names of its own", () => {
  expect(ROOTS).not.toMatch(/^(?:Protect|Private|ReadWrite|RestrictNamespaces|RestrictSUID)/m);
  expectLines(ROOTS, ["User=root", "NoNewPrivileges=yes", "RestrictRealtime=yes"]);
  expect(ROOTS).toMatch(/^CapabilityBoundingSet=~CAP_SYS_MODULE /m);
});

const analyze = findProgram("systemd-analyze");

test.skipIf(analyze === undefined).for(Object.entries({ ...UNITS, "root-worker.service": ROOTS }))(
  "systemd understands all of %s",
  ([name, unit]) => {
    const file = dir.join(name);
    // Of this machine, so that nothing else is complained of.
    writeFileSync(file, unit.replace("User=bench", "User=daemon"));
    const { status, stdout, stderr } = spawnSync(analyze ?? "", ["verify", "--man=no", file], { encoding: "utf8" });
    expect(`${stdout}${stderr}`.split("\n").filter((line) => line.includes(name))).toEqual([]);
    expect(status).toBe(0);
  },
);

test.for([
  ["root, which GitHub's runner refuses to be", ["--user", "root", "--repository", "octo/mesh"], "refuses to be root"],
  ["words that systemd would read in its own way", ["--user", "a b"], "must match"],
] as const)("install refuses %s", ([, flags, message]) => {
  const script = join(import.meta.dirname, "..", "..", "infra", "runner.ts");
  const { status, stderr } = spawnSync(process.execPath, [script, "install", ...flags], { encoding: "utf8" });
  expect(stderr).toContain(message);
  expect(status).toBe(2);
});

test("services are started when what ran before them has made room, and are gone with their files", async () => {
  const calls: string[] = [];
  const manager = {
    unitDir: dir.path,
    systemctl: async (...args: string[]) => void calls.push(args.join(" ")),
  };
  const makeRoom = async () => void calls.push("room");
  await installUnits(UNITS, makeRoom, manager);
  expect(calls).toEqual(["daemon-reload", "room", `enable --now ${WORKER_UNIT}`, `enable --now ${RUNNER_UNIT}`]);
  expect(readFileSync(dir.join(WORKER_UNIT), "utf8")).toBe(UNITS[WORKER_UNIT]);

  calls.length = 0;
  await installUnits(UNITS, makeRoom, manager);
  expect(calls[0]).toBe(`stop ${RUNNER_UNIT} ${WORKER_UNIT}`);

  calls.length = 0;
  await removeUnits([RUNNER_UNIT, WORKER_UNIT], manager);
  expect(calls).toEqual([`disable --now ${RUNNER_UNIT} ${WORKER_UNIT}`, "daemon-reload"]);
  expect(readdirSync(dir.path)).toEqual([]);
  await removeUnits([RUNNER_UNIT, WORKER_UNIT], manager);
  expect(calls).toHaveLength(2);
});
