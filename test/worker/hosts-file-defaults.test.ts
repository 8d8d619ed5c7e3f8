import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { DEFAULT_GUARDS } from "#model/guards";
import { readHostsFile } from "#worker/hosts-file";
import { ensureHostsFile } from "#worker/hosts-file-defaults";
import { type Installation, locateInstallation } from "#worker/installation";

let installation: Installation;
beforeEach(() => {
  installation = locateInstallation({ MESHBENCH_HOME: mkdtempSync(join(tmpdir(), "meshbench-hosts-")) });
});
afterEach(() => rmSync(installation.home, { recursive: true }));

test("a new installation offers this machine as host local", () => {
  ensureHostsFile(installation, undefined, {});
  expect(parse(readFileSync(installation.hostsFile, "utf8"))).toEqual({
    hosts: {
      local: {
        secret_file: "secrets/host-local",
        docker: { endpoint: "unix:///var/run/docker.sock" },
        ...(process.geteuid?.() === 0 && { process: {} }),
      },
    },
    limits: { nodes: 256, runs: 500 },
    guards: { foreign_cpu_pct: DEFAULT_GUARDS.foreignCpuPct, quiet_wait_s: 60 },
  });
});

test("in CI, where machines have neighbours, more of the CPU may be foreign", () => {
  ensureHostsFile(installation, undefined, { CI: "true" });
  expect(readHostsFile(installation.hostsFile)?.guards.foreign_cpu_pct).toBe(60);
});

test("only the owner may read the file and the secret", () => {
  ensureHostsFile(installation);
  const secretFile = join(installation.secretsDir, "host-local");
  for (const path of [installation.hostsFile, secretFile]) expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(secretFile, "utf8").trim()).toMatch(/^[0-9a-f]{64}$/);
});

test("what the operator wrote stays", () => {
  ensureHostsFile(installation);
  const secret = readFileSync(join(installation.secretsDir, "host-local"), "utf8");
  writeFileSync(installation.hostsFile, "hosts: {}\n");
  ensureHostsFile(installation);
  expect(readFileSync(installation.hostsFile, "utf8")).toBe("hosts: {}\n");
  expect(readFileSync(join(installation.secretsDir, "host-local"), "utf8")).toBe(secret);
});
