import { mkdirSync, symlinkSync } from "node:fs";
import { expect, test } from "vitest";
import { findOtherLockDirs } from "#worker/lock-dir";
import { TempDir } from "#test/support/temp-dir";

test("folders of users are found under their own number, not links, nor what somebody else left under that name", () => {
  using dir = new TempDir();
  const uid = process.getuid?.() ?? 0;
  const places = { shared: dir.join("shared"), runtimeDirs: dir.join("users"), tmp: dir.join("tmp") };
  const folders = [`users/${uid}/meshbench`, `tmp/meshbench-${uid}`];
  const strangers = [`users/${uid + 1}/meshbench`, `tmp/meshbench-${uid + 1}`, `tmp/meshbench-x`, "tmp/meshbench-"];
  for (const path of [...folders, ...strangers]) mkdirSync(dir.join(path), { recursive: true });
  const found = folders.map((path) => dir.join(path));
  expect(findOtherLockDirs(places.shared, places)).toEqual(found);
  expect(findOtherLockDirs(dir.join(`tmp/meshbench-${uid}`), places)).toEqual(found.slice(0, 1));
  const linked = { ...places, runtimeDirs: dir.join("linked"), tmp: dir.join("nowhere") };
  mkdirSync(dir.join("linked", String(uid)), { recursive: true });
  symlinkSync(dir.join("tmp"), dir.join("linked", String(uid), "meshbench"));
  expect(findOtherLockDirs(places.shared, linked)).toEqual([]);
});
