import { expect, test } from "vitest";
import { NodeCgroups, parseCgroupMounts } from "#activities/providers/node-cgroups";

const SEPARATE = `tmpfs /sys/fs/cgroup tmpfs rw,mode=755 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
`;
const UNIFIED = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0\n";

test("in a mixed set-up a node has version 1's groups, each once, and its keeper is in nobody's", () => {
  const groups = new NodeCgroups(parseCgroupMounts(SEPARATE));
  expect(groups.version).toBe(1);
  expect(groups.foldersOf("run-n1")).toEqual([
    "/sys/fs/cgroup/cpu,cpuacct/meshbench/run-n1",
    "/sys/fs/cgroup/memory/meshbench/run-n1",
  ]);
  expect(groups.roots).toEqual([
    "/sys/fs/cgroup/cpu,cpuacct",
    "/sys/fs/cgroup/memory",
    "/sys/fs/cgroup/systemd",
    "/sys/fs/cgroup/unified",
  ]);
});

test("with version 2 a node has one group", () => {
  const groups = new NodeCgroups(parseCgroupMounts(UNIFIED));
  expect(groups.version).toBe(2);
  expect(groups.foldersOf("run-n1")).toEqual(["/sys/fs/cgroup/meshbench/run-n1"]);
  expect(groups.roots).toEqual(["/sys/fs/cgroup"]);
});

test("without control groups nothing can be limited, which is said", () => {
  expect(() => parseCgroupMounts("proc /proc proc rw 0 0\n")).toThrow("no control groups");
});
