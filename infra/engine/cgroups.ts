/** Control groups: without them no container starts. */

import { readFileSync } from "node:fs";
import { UnavailableError } from "#model/errors";

/** @returns `v1`, `v2`, or `undefined` where none are mounted that can limit memory. */
export function cgroupVersion(mounts = readFileSync("/proc/mounts", "utf8")): "v1" | "v2" | undefined {
  const lines = mounts.split("\n").map((line) => line.split(" "));
  if (lines.some(([, , type, options]) => type === "cgroup" && options?.split(",").includes("memory"))) return "v1";
  return lines.some(([, path, type]) => type === "cgroup2" && path === "/sys/fs/cgroup") ? "v2" : undefined;
}

export const MOUNT_CGROUPS = "mount -t cgroup2 none /sys/fs/cgroup";

/** @throws {UnavailableError} */
export function requireCgroups(): void {
  if (cgroupVersion() === undefined) {
    throw new UnavailableError("No control groups are mounted, which containers need", `as root: ${MOUNT_CGROUPS}`);
  }
}
