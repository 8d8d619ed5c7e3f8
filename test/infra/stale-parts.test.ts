import { mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { removeStaleDisks, removeStaleParts } from "#infra/node-image/stale-parts";
import { TempDir } from "#test/support/temp-dir";

const NOW = new Date("2030-01-02T00:00:00.000Z");
const LONG_AGO = new Date("2029-12-31T23:00:00.000Z");
const JUST_NOW = new Date("2030-01-01T23:00:00.000Z");
const CURRENT = "rootfs-amd64-0000000000000000.tar";

test("trees and work folders that nobody used for a day go; the current one and all else stay", async () => {
  using dir = new TempDir();
  const make = (name: string, at: Date) => {
    if (name.includes(".")) writeFileSync(dir.join(name), "");
    else mkdirSync(dir.join(name));
    utimesSync(dir.join(name), at, at);
  };
  const stale = [
    "npm-Killed",
    "rootfs-Killed",
    "rootfs-amd64-1111111111111111.tar",
    "rootfs-amd64-1111111111111111.tar.database",
  ];
  const kept = [CURRENT, `${CURRENT}.database`, "node-24.0.0.tgz"];
  for (const name of [...stale, ...kept]) make(name, LONG_AGO);
  const recent = ["rootfs-Busy00", "rootfs-amd64-2222222222222222.tar"];
  for (const name of recent) make(name, JUST_NOW);

  expect(await removeStaleParts(dir.path, dir.join(CURRENT), NOW)).toEqual(stale);
  expect(readdirSync(dir.path).sort()).toEqual([...kept, ...recent].sort());
});

test("VM disks stay for a week after their last use, since open sweeps pin them", async () => {
  using dir = new TempDir();
  const make = (name: string, at: string) => {
    mkdirSync(dir.join(name));
    utimesSync(dir.join(name), new Date(at), new Date(at));
  };
  make("qemu-old", "2029-12-25T00:00:00.000Z");
  make("qemu-used", "2029-12-27T00:00:00.000Z");
  expect(await removeStaleDisks(dir.path, NOW)).toEqual(["qemu-old"]);
  expect(readdirSync(dir.path)).toEqual(["qemu-used"]);
});
