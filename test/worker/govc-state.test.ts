import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { expect, test } from "vitest";
import { identifyProcess } from "#activities/process-identity";
import { TempDir } from "#test/support/temp-dir";
import { ensureGovcStateDir } from "#worker/govc-state";

test("sessions and secrets of a worker that was killed go when the next one starts; those of a living one stay", () => {
  using home = new TempDir();
  const living = identifyProcess(process.ppid)!;
  const name = `${living.pid}-${living.startTicks}`;
  // The second one's number was given away again.
  const gone = [`${spawnSync("true").pid}-1`, `${living.pid}-${living.startTicks - 1}`, String(living.pid)];
  for (const folder of [...gone, name]) {
    mkdirSync(home.join("govc", folder), { recursive: true });
    writeFileSync(home.join("govc", folder, "password"), "canary");
  }
  const own = ensureGovcStateDir(home.path);
  expect(statSync(own).mode & 0o777).toBe(0o700);
  expect(ensureGovcStateDir(home.path)).toBe(own);
  expect(readdirSync(home.join("govc")).toSorted()).toEqual([name, basename(own)].toSorted());
  expect(existsSync(home.join("govc", name, "password"))).toBe(true);
});
