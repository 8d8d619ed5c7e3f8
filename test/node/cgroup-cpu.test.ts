import { mkdirSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readNodeCpuSec } from "#node/cgroup-cpu";
import { TempDir } from "#test/support/temp-dir";

test("version 2 tells a node's CPU in microseconds", () => {
  using root = new TempDir();
  writeFileSync(root.join("cpu.stat"), "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n");
  expect(readNodeCpuSec(root.path)).toBe(2.5);
});

test("version 1 tells a node's CPU in nanoseconds", () => {
  using root = new TempDir();
  mkdirSync(root.join("cpuacct"));
  writeFileSync(root.join("cpuacct", "cpuacct.usage"), "1250000000\n");
  expect(readNodeCpuSec(root.path)).toBe(1.25);
});

test("where no cgroup tells, it is not known", () => {
  using root = new TempDir();
  expect(readNodeCpuSec(root.path)).toBeNull();
});
