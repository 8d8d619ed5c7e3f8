import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { cgroupVersion } from "#infra/engine/cgroups";
import { dockerdService } from "#infra/engine/dockerd";
import { findEngine } from "#infra/engine/engine";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "meshbench-engine-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

const service = (configFile: string) => dockerdService({ runtimeDir: dir, logsDir: dir, configFile });

test("no proxy process is started per published port", () => {
  expect(service(join(dir, "none.json")).command).toContain("--userland-proxy=false");
});

test("what daemon.json sets is not set again: dockerd would refuse to start", () => {
  const configFile = join(dir, "daemon.json");
  writeFileSync(configFile, '{ "hosts": ["unix:///var/run/docker.sock"], "userland-proxy": true }');
  const flags = service(configFile).command.filter((word) => word.startsWith("--"));
  expect(flags.some((flag) => /^--(?:host|userland-proxy)/.test(flag))).toBe(false);
});

test("a broken daemon.json is named before anything is started", () => {
  const configFile = join(dir, "broken.json");
  writeFileSync(configFile, "{");
  expect(() => service(configFile)).toThrow(configFile);
});

test("an engine that is not there is silent, and says what starts it", async () => {
  const found = await findEngine({ DOCKER_HOST: `unix://${dir}/none.sock` });
  expect(found).toMatchObject({ state: "silent", problem: { message: expect.stringContaining("ENOENT") } });
});

test("control groups are told apart, and their absence is seen", () => {
  expect(cgroupVersion("cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0")).toBe("v1");
  expect(cgroupVersion("cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0")).toBe("v2");
  expect(cgroupVersion("none /sys/fs/cgroup/unified cgroup2 rw 0 0")).toBeUndefined();
});
