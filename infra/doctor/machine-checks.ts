/** The machine itself: runtime, memory, disk, control groups, firewall program. */

import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { totalmem } from "node:os";
import { dirname } from "node:path";
import { largestMesh, readNeighbourLimit } from "#activities/neighbour-table";
import { NODES_MOST } from "#model/node-tables";
import type { Installation } from "#worker/installation";
import { findProgram } from "#infra/console/commands";
import { installCommands } from "#infra/console/packages";
import { isRoot, type RootCommand, showRootCommand } from "#infra/console/root";
import { type Check, missing, ok, warning } from "#infra/doctor/check";
import { cgroupVersion, MOUNT_CGROUPS } from "#infra/engine/cgroups";

const OLDEST_NODE = 24;
/** Two nodes, Temporal, the worker and the engine. */
const LEAST_MEMORY_GIB = 3;
/** The image three times over, Temporal, results. */
const LEAST_DISK_GIB = 4;

export function machineChecks(installation: Installation): Check[] {
  return [
    { name: "operating system", look: async () => lookAtSystem(process.platform) },
    { name: "Node", look: async () => lookAtNode(process.versions.node) },
    { name: "memory", look: async () => lookAtMemory(totalmem()) },
    { name: "disk space", look: async () => lookAtDisk(installation.cache) },
    { name: "control groups", look: async () => lookAtCgroups() },
    { name: "iptables", look: async () => lookAtIptables() },
    {
      name: "native nodes and VMs",
      look: async () =>
        lookAtRoot(
          isRoot(),
          NATIVE_PROGRAMS.filter((one) => !findProgram(one)),
        ),
    },
    { name: "neighbour table", look: async () => lookAtNeighbourTable(await readNeighbourLimit()) },
  ];
}

export function lookAtSystem(platform: NodeJS.Platform) {
  return platform === "linux"
    ? ok("Linux")
    : missing(`${platform}; nodes' addresses can be reached on Linux only`, "run Meshbench in a Linux machine");
}

export function lookAtNode(version: string) {
  return Number(version.split(".")[0]) >= OLDEST_NODE
    ? ok(version)
    : missing(`${version}; ${OLDEST_NODE} or newer comes with the dependencies`, "npm ci");
}

export function lookAtMemory(bytes: number) {
  const gib = bytes / GIB;
  return gib >= LEAST_MEMORY_GIB
    ? ok(showGib(gib))
    : missing(`${showGib(gib)}; ${LEAST_MEMORY_GIB} GiB are the least`, "use a machine with more memory");
}

async function lookAtDisk(dir: string) {
  const there = nearestExisting(dir);
  const { bavail, bsize } = await statfs(there);
  const gib = (bavail * bsize) / GIB;
  const found = `${showGib(gib)} free at ${there}`;
  return gib >= LEAST_DISK_GIB
    ? ok(found)
    : missing(`${found}; ${LEAST_DISK_GIB} GiB are needed`, `free some, see: du -xh --max-depth=1 ${there}`);
}

const RAISE_NEIGHBOUR_LIMIT: RootCommand = [
  "sysctl",
  "-w",
  "net.ipv4.neigh.default.gc_thresh2=32768",
  "net.ipv4.neigh.default.gc_thresh3=65536",
];

/** Only said: a table that overflows is one of the limits that are measured. */
export function lookAtNeighbourTable(limit: number | undefined) {
  if (limit === undefined) return ok("not told by this kernel");
  const found = `${limit} places: a full mesh of up to ${largestMesh(limit)} nodes on this kernel`;
  return largestMesh(limit) >= NODES_MOST
    ? ok(found)
    : warning(`${found}, for more`, showRootCommand(RAISE_NEIGHBOUR_LIMIT));
}

const GIB = 1024 ** 3;
const showGib = (gib: number) => `${gib.toFixed(1)} GiB`;

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}

function lookAtCgroups() {
  const version = cgroupVersion();
  return version ? ok(version) : missing("none mounted", showRootCommand(["sh", "-c", MOUNT_CGROUPS]));
}

/** What namespaces and interfaces are made with: util-linux and iproute2, which Linux machines have. */
const NATIVE_PROGRAMS = ["ip", "unshare", "nsenter", "setpriv", "flock", "pivot_root"];

/** Only said: nodes in containers need none of it. */
export function lookAtRoot(hasRoot: boolean, missingPrograms: readonly string[]) {
  if (missingPrograms.length > 0) {
    const packages = installCommands(["util-linux", "iproute2"]).map(showRootCommand).join(" && ");
    return warning(`without ${missingPrograms.join(", ")} there are none`, packages);
  }
  return hasRoot
    ? ok("possible: this is root")
    : warning("they need root, for namespaces and interfaces", "sudo npx meshbench up");
}

function lookAtIptables() {
  const path = findProgram("iptables");
  return path ? ok(path) : missing("not installed", installCommands(["iptables"]).map(showRootCommand).join(" && "));
}
