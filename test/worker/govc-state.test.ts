import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { TempDir } from "#test/support/temp-dir";
import { ensureGovcStateDir } from "#worker/govc-state";

test("sessions and secrets of a worker that was killed go when the next one starts; those of a living one stay", () => {
  using home = new TempDir();
  const { pid: gone } = spawnSync("true");
  for (const pid of [gone, process.ppid]) {
    mkdirSync(home.join("govc", String(pid)), { recursive: true });
    writeFileSync(home.join("govc", String(pid), "password"), "canary");
  }
  const own = ensureGovcStateDir(home.path);
  expect(own).toBe(home.join("govc", String(process.pid)));
  expect(statSync(own).mode & 0o777).toBe(0o700);
  expect(existsSync(home.join("govc", String(gone)))).toBe(false);
  expect(existsSync(home.join("govc", String(process.ppid), "password"))).toBe(true);
});
