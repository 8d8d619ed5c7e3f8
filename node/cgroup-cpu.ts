/** What everything in this node, its database above all, has taken of the processors: from its cgroup. */

import { readFileSync } from "node:fs";

/** A node sees its own cgroup as the root of the tree, be it a container or a machine. */
const CGROUP_ROOT = "/sys/fs/cgroup";

/** Where the two versions of cgroups tell it, and in which fraction of a second. */
const SOURCES = [
  { file: "cpu.stat", pattern: /^usage_usec (\d+)$/m, perSec: 1e6 },
  { file: "cpuacct/cpuacct.usage", pattern: /^(\d+)$/m, perSec: 1e9 },
] as const;

/** Seconds since the node was made, all processors added up; `null` where no cgroup tells. */
export function readNodeCpuSec(root = CGROUP_ROOT): number | null {
  for (const { file, pattern, perSec } of SOURCES) {
    const used = pattern.exec(readIfThere(`${root}/${file}`))?.[1];
    if (used !== undefined) return Number(used) / perSec;
  }
  return null;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
