import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Steps } from "#infra/console/steps";
import { lookAtOtherEngine } from "#infra/doctor/service-checks";
import { findOtherEngine } from "#infra/engine/same-engine";
import { bringUp } from "#infra/up";
import { InputError } from "#model/errors";
import { TempDir } from "#test/support/temp-dir";
import { ensureHostsFile } from "#worker/hosts-file-defaults";
import { type Installation, locateInstallation } from "#worker/installation";

let dir: TempDir;
let installation: Installation;
beforeEach(() => {
  dir = new TempDir();
  installation = locateInstallation({ MESHBENCH_HOME: dir.join("home") });
});
afterEach(() => {
  vi.unstubAllEnvs();
  dir[Symbol.dispose]();
});

const FIRST = "unix:///run/first.sock";
const SECOND = { DOCKER_HOST: "unix:///run/second.sock" };

test("up refuses an engine that this installation's host does not measure on, and says what mends it", async () => {
  ensureHostsFile(installation, FIRST);
  vi.stubEnv("DOCKER_HOST", SECOND.DOCKER_HOST);
  const steps = new Steps({ write: () => {} });
  const attempt = bringUp(installation, { parts: ["engine"], consent: { isGiven: false }, steps });
  await expect(attempt).rejects.toThrow(InputError);
  await expect(attempt).rejects.toThrow(
    /DOCKER_HOST: got "unix:\/\/\/run\/second.sock".*export DOCKER_HOST=unix:\/\/\/run\/first.sock.*hosts.yaml/,
  );
});

test("doctor says so too", () => {
  ensureHostsFile(installation, FIRST);
  const { found, mend } = lookAtOtherEngine(installation, SECOND);
  expect(found).toBe(`host local measures on ${FIRST}, set-up would use ${SECOND.DOCKER_HOST}`);
  expect(mend).toContain(`export DOCKER_HOST=${FIRST}`);
  expect(lookAtOtherEngine(installation, { DOCKER_HOST: FIRST }).mend).toBeUndefined();
});

test("a DOCKER_HOST that is no longer set is seen as well", () => {
  ensureHostsFile(installation, "tcp://engine.test:2376");
  expect(findOtherEngine(installation, {})).toMatchObject({ field: "DOCKER_HOST", value: undefined });
});

test("an engine by another name is the same one, and so is any before the first up", () => {
  expect(findOtherEngine(installation, SECOND)).toBeUndefined();
  mkdirSync(dir.join("run"));
  writeFileSync(dir.join("run", "engine.sock"), "");
  symlinkSync(dir.join("run"), dir.join("var-run"));
  ensureHostsFile(installation, `unix://${dir.join("run", "engine.sock")}`);
  const env = { DOCKER_HOST: `unix://${dir.join("var-run", "engine.sock")}` };
  expect(findOtherEngine(installation, env)).toBeUndefined();
});
