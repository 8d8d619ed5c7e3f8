/** The services of a bench host as units of systemd: hardened, started again when they die, and at boot. */

interface ServiceUser {
  /** Owns the installation. */
  readonly user: string;
  readonly home: string;
  /** Where node images' parts are kept; a minus lets systemd start without it. */
  readonly cache: string;
  /** Without blanks or anything else that systemd would read in another way: the caller has looked. */
  readonly command: readonly string[];
}

export interface RunnerUnit extends ServiceUser {
  readonly folder: string;
}

export const RUNNER_UNIT = "meshbench-runner.service";
export const WORKER_UNIT = "meshbench-worker.service";

/** Where installations look for each other: made for all users before any of them could make one for itself. */
const LOCK_DIR = "/run/meshbench";

type Settings = Readonly<Record<string, string>>;

/** For whoever calls servers and reads results, and makes no node by itself. */
const HARDENING: Settings = {
  NoNewPrivileges: "yes",
  CapabilityBoundingSet: "",
  ProtectSystem: "strict",
  PrivateTmp: "yes",
  PrivateDevices: "yes",
  ProtectKernelTunables: "yes",
  ProtectKernelModules: "yes",
  ProtectKernelLogs: "yes",
  ProtectControlGroups: "yes",
  ProtectClock: "yes",
  ProtectHostname: "yes",
  RestrictSUIDSGID: "yes",
  // A commit's image is built without network: see activities/image/source-image.ts.
  RestrictNamespaces: "user net",
  RestrictRealtime: "yes",
  LockPersonality: "yes",
  SystemCallArchitectures: "native",
  // Node and .NET list the network's interfaces by the last.
  RestrictAddressFamilies: "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
  UMask: "0077",
};

/**
 * Native nodes and VMs are made of namespaces, mounts, control groups and devices, and outlive the worker: in a file system
 * or name space of its own it would not find them again. What is taken from it is what none of that needs.
 */
const HARDENING_OF_ROOT: Settings = {
  NoNewPrivileges: "yes",
  CapabilityBoundingSet: [
    "~CAP_SYS_MODULE",
    "CAP_SYS_BOOT",
    "CAP_SYS_TIME",
    "CAP_SYS_RAWIO",
    "CAP_SYSLOG",
    "CAP_SYS_PACCT",
    "CAP_SYS_TTY_CONFIG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_LINUX_IMMUTABLE",
    "CAP_MAC_ADMIN",
    "CAP_MAC_OVERRIDE",
    "CAP_AUDIT_CONTROL",
    "CAP_AUDIT_READ",
  ].join(" "),
  RestrictRealtime: "yes",
  LockPersonality: "yes",
  SystemCallArchitectures: "native",
  RestrictAddressFamilies: "AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET AF_VSOCK",
  UMask: "0077",
};

/** Polls for jobs. Never root: GitHub's runner refuses it. */
export function runnerUnit({ folder, ...service }: RunnerUnit): string {
  const { home, cache } = service;
  return unitText("Meshbench: one-use runners for GitHub's jobs", service, {
    Restart: "always",
    // A job under way has its sweep in Temporal: it may be ended.
    KillMode: "control-group",
    TimeoutStopSec: "30",
    ...HARDENING,
    ReadWritePaths: `${home} -${cache} ${folder}`,
  });
}

/** The worker, and Temporal's server where none is configured. Whoever stops it by `meshbench down` finds it stopped. */
export function workerUnit(service: ServiceUser): string {
  const { user, home, cache } = service;
  const hardening =
    user === "root" ? HARDENING_OF_ROOT : { ...HARDENING, ReadWritePaths: `${home} -${cache} ${LOCK_DIR}` };
  return unitText("Meshbench: the worker of this host", service, {
    // With all rights, and before this unit's own view of the file system is made.
    ExecStartPre: `+/usr/bin/install -d -m 1777 ${LOCK_DIR}`,
    Restart: "on-failure",
    // The supervisor ends its services in their order.
    KillMode: "mixed",
    TimeoutStopSec: "120",
    ...hardening,
  });
}

function unitText(description: string, { user, home, cache, command }: ServiceUser, more: Settings): string {
  const service = {
    User: user,
    Environment: `MESHBENCH_HOME=${home} MESHBENCH_CACHE=${cache}`,
    ExecStart: command.join(" "),
    RestartSec: "5",
    ...more,
  };
  return [
    "[Unit]",
    `Description=${description}`,
    "Wants=network-online.target",
    "After=network-online.target docker.service",
    "",
    "[Service]",
    ...Object.entries(service).map(([name, value]) => `${name}=${value}`),
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
}
