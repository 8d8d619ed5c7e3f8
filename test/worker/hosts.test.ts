import { mkdirSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { TempDir } from "#test/support/temp-dir";
import { openHosts } from "#worker/hosts";
import { locateInstallation } from "#worker/installation";
import { NO_TEMPORAL } from "#worker/temporal-view";

test("what waits of one host's runs is in no other host's reach: its reaper knows nothing of their nodes", () => {
  using dir = new TempDir();
  const installation = locateInstallation({ MESHBENCH_HOME: dir.join("home") });
  mkdirSync(installation.home, { mode: 0o700 });
  writeFileSync(dir.join("home", "secret"), "0".repeat(64), { mode: 0o600 });
  writeFileSync(dir.join("engine.sock"), ""); // nobody calls it
  const host = { secret_file: "secret", docker: { endpoint: `unix://${dir.join("engine.sock")}` } };
  writeFileSync(installation.hostsFile, JSON.stringify({ hosts: { east: host, west: host } }), { mode: 0o600 });
  const spools = openHosts(installation, NO_TEMPORAL).map(({ spoolDir }) => spoolDir);
  expect(new Set(spools).size).toBe(2);
});
