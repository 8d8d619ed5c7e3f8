/** The poller for jobs as a unit of systemd: hardened, started again when it dies, and at boot. */

export interface RunnerUnit {
  /** Never root: GitHub's runner refuses it. Owns the App's key, and the folder. */
  readonly user: string;
  /** Of the installation whose hosts.yaml names the App. */
  readonly home: string;
  /** Where node images' parts are kept; a minus lets systemd start without it. */
  readonly cache: string;
  readonly folder: string;
  /** Without blanks or anything else that systemd would read in another way: the caller has looked. */
  readonly command: readonly string[];
}

export const RUNNER_UNIT = "meshbench-runner.service";

/** What jobs do not need: they call the Temporal server and read results. */
const HARDENING = {
  NoNewPrivileges: "yes",
  CapabilityBoundingSet: "",
  ProtectSystem: "strict",
  PrivateTmp: "yes",
  PrivateDevices: "yes",
  ProtectKernelTunables: "yes",
  ProtectKernelModules: "yes",
  ProtectControlGroups: "yes",
  ProtectClock: "yes",
  ProtectHostname: "yes",
  RestrictSUIDSGID: "yes",
  // A commit's image is built without network: see activities/image/source-image.ts.
  RestrictNamespaces: "user net",
  RestrictRealtime: "yes",
  LockPersonality: "yes",
  RestrictAddressFamilies: "AF_UNIX AF_INET AF_INET6",
  UMask: "0077",
};

export function runnerUnit({ user, home, cache, folder, command }: RunnerUnit): string {
  const service = {
    User: user,
    Environment: `MESHBENCH_HOME=${home} MESHBENCH_CACHE=${cache}`,
    ExecStart: command.join(" "),
    Restart: "always",
    RestartSec: "5",
    // A job under way has its sweep in Temporal: it may be ended.
    KillMode: "control-group",
    TimeoutStopSec: "30",
    ...HARDENING,
    ReadWritePaths: `${home} -${cache} ${folder}`,
  };
  return [
    "[Unit]",
    "Description=Meshbench: one-use runners for GitHub's jobs",
    "Wants=network-online.target",
    "After=network-online.target",
    "",
    "[Service]",
    ...Object.entries(service).map(([name, value]) => `${name}=${value}`),
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
}
