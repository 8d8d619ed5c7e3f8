import { mkdirSync, writeFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { locateInstallation } from "#worker/installation";
import { localServicesFile } from "#worker/local-services";
import { hasLostHistory } from "#worker/reap";
import { isTemporalConfigured } from "#worker/temporal-connection";
import { TempDir } from "#test/support/temp-dir";

afterEach(() => vi.unstubAllEnvs());

/** One whose `up` started a server, as its supervisor wrote it down; that one may be dead. */
function installationIn(dir: TempDir, { hasServer = true, hasDatabase = false } = {}) {
  const installation = locateInstallation({ MESHBENCH_HOME: dir.path });
  mkdirSync(installation.runtimeDir, { recursive: true });
  const temporal = { name: "temporal", state: "waiting", restarts: 1, logFile: "", address: "127.0.0.1:7233" };
  const services = hasServer ? [temporal] : [];
  const record = { supervisor: { pid: 2 ** 30, startTicks: 1 }, services };
  writeFileSync(localServicesFile(installation), JSON.stringify(record));
  if (hasDatabase) {
    mkdirSync(dir.join("temporal"));
    writeFileSync(installation.temporalDatabase, "");
  }
  return installation;
}

const nobodySaid = () => false;

test("histories are lost where this installation's own server has no database any more", () => {
  using dir = new TempDir();
  expect(hasLostHistory(installationIn(dir), nobodySaid)).toBe(true);
});

test("a server that is only down loses no history", () => {
  using dir = new TempDir();
  expect(hasLostHistory(installationIn(dir, { hasDatabase: true }), nobodySaid)).toBe(false);
});

test("nor does one elsewhere that is out of reach, nor one that somebody else started", () => {
  using dir = new TempDir();
  expect(hasLostHistory(installationIn(dir), () => true)).toBe(false);
  expect(hasLostHistory(installationIn(dir, { hasServer: false }), nobodySaid)).toBe(false);
});

test("where the server is may be said by Temporal's own settings, and by those that cannot be read", () => {
  using dir = new TempDir();
  for (const name of ["TEMPORAL_ADDRESS", "TEMPORAL_PROFILE"]) vi.stubEnv(name, undefined);
  vi.stubEnv("TEMPORAL_CONFIG_FILE", dir.join("temporal.toml"));
  expect(isTemporalConfigured()).toBe(false);
  vi.stubEnv("TEMPORAL_ADDRESS", "temporal.example.org:7233");
  expect(isTemporalConfigured()).toBe(true);
  vi.stubEnv("TEMPORAL_ADDRESS", undefined);
  writeFileSync(dir.join("temporal.toml"), '[profile.default]\naddress = "temporal.example.org:7233"\n');
  expect(isTemporalConfigured()).toBe(true);
  writeFileSync(dir.join("temporal.toml"), "[profile");
  expect(isTemporalConfigured()).toBe(true);
});
