/**
 * What the worker and the program inside a node say to each other, through the node's database: the worker writes one
 * `Assignment` into `run`, the node program writes `NodeProgress` and at the end its `NodeResult` into `progress`.
 */

import type { Client, Engine, Mode, Phasing, Release, Resolve } from "#model/spec";

/** Grows with every change of this file or of the tables that a node of an older image would misread. */
export const PROTOCOL_VERSION = 1;

export const DATABASE_PORT = 3306;
export const DATABASE_NAME = "meshbench";
/** Inside a node, for the node program: on the RAM disk, so that nothing else of a node has to be writable. */
export const DATABASE_SOCKET = "/ram/mysqld.sock";
/** The worker's account; its verifier is in the create call, its password is derived (`activities/database/password.ts`). */
export const WORKER_ACCOUNT = "worker";
/** The account nodes use on each other's databases; created by the worker, password in the assignment. */
export const PEER_ACCOUNT = "peer";
/** The node program's account on its own database, by unix socket and operating system user. */
export const LOCAL_ACCOUNT = "node";

/** Environment variables of a node at creation. None is secret. */
export const NODE_ENV = {
  runId: "MESHBENCH_RUN",
  nodeIndex: "MESHBENCH_NODE",
  /** Seconds from boot until PID 1 ends the node. */
  deadlineSec: "MESHBENCH_DEADLINE_SEC",
  /** `*` and 40 upper-case hex digits: SHA1(SHA1(password)), as mysql_native_password stores it. */
  workerVerifier: "MESHBENCH_WORKER_VERIFIER",
  bufferPoolMib: "MESHBENCH_BUFFER_POOL_MIB",
  redoLogMib: "MESHBENCH_REDO_LOG_MIB",
  heapTableMib: "MESHBENCH_HEAP_TABLE_MIB",
  /** `1`: databases look clients up (no skip-name-resolve). */
  reverseLookups: "MESHBENCH_REVERSE_LOOKUPS",
  /** Addresses separated by commas: resolvers that are asked before the engine's own, which knows the peers. */
  resolvers: "MESHBENCH_RESOLVERS",
} as const;

/**
 * Where a VM finds what a container has in its environment: one text, a line `NAME=value` for each of `NODE_ENV` and
 * `VM_ENV`. See docs/vm-disk.md.
 */
export const VM_CONFIG = {
  /** On vSphere: a key of the VM's extraConfig, set before it is powered on; the text as base64. */
  guestinfoKey: "guestinfo.meshbench.config",
  /** With QEMU: an item of the firmware configuration; the text as it is. */
  firmwareItem: "opt/meshbench/config",
} as const;

/** What a VM has to be told beside `NODE_ENV`, where a container has it from its engine. None is secret. */
export const VM_ENV = {
  hostname: "MESHBENCH_HOSTNAME",
  ramDiskMib: "MESHBENCH_RAM_DISK_MIB",
  /** Address and prefix of the first interface, such as `198.18.4.2/24`. Absent: the VM asks for one by DHCP. */
  address: "MESHBENCH_ADDRESS",
  gateway: "MESHBENCH_GATEWAY",
  /** Of the first interface, where the machine goes on as the copy of another one. Absent: as its hardware has it. */
  mac: "MESHBENCH_MAC",
  /** For /etc/hosts: `198.18.4.2=node-1,198.18.4.3=node-2`. */
  hosts: "MESHBENCH_HOSTS",
  /** Resolvers, separated by commas. Absent: those that DHCP names, if any, are asked. */
  dns: "MESHBENCH_DNS",
  /** `1`: they are asked before /etc/hosts is looked at, which answers where they are silent. */
  dnsFirst: "MESHBENCH_DNS_FIRST",
} as const;

/** How PID 1 of a node ends, for providers that can tell. */
export const NODE_EXIT = { databaseDied: 70, programDied: 71, deadline: 124, terminated: 143 } as const;

export interface Peer {
  readonly index: number;
  readonly address: string;
  /** Looked up instead of `address` with `resolve: names`. */
  readonly hostname: string;
}

/** The `assignment` column of a node's `run` row. Holds the peers' password: the row is never collected or logged. */
export interface Assignment {
  readonly protocol: number;
  readonly runId: string;
  readonly nodeIndex: number;
  /** All nodes, this one included, by index. */
  readonly peers: readonly Peer[];
  readonly masterIndex: number;
  readonly peerPassword: string;
  /** Hex; see `tupleSeed`. */
  readonly tupleSeed: string;
  readonly mode: Mode;
  /** K. */
  readonly tupleCount: number;
  readonly ratePerMin: number;
  readonly aggregation: number;
  readonly engine: Engine;
  readonly client: Client;
  readonly release: Release;
  readonly resolve: Resolve;
  readonly phase: Phasing;
  /** Offset of this node's schedule from t0: 0 with `aligned`, seeded below AG·60/D with `staggered`. */
  readonly phaseOffsetMs: number;
  readonly warmupSec: number;
  readonly observe: "on" | "off";
  /** From the assignment until a node gives up waiting for the others. */
  readonly barrierTimeoutSec: number;
}

/** The phases of the node program, in their order. */
export const NODE_PHASES = [
  "waiting",
  "connecting",
  "warmup",
  "barrier",
  "main",
  "finalise",
  "done",
  "failed",
] as const;
export type NodePhase = (typeof NODE_PHASES)[number];

/** One row, columns of the `progress` table except for `result`. */
export interface NodeProgress {
  readonly phase: NodePhase;
  /** Tuples acknowledged by the own database. */
  readonly tuplesLocal: number;
  /** Tuples acknowledged by the slowest peer. */
  readonly tuplesRemote: number;
  /** Set with `failed`. */
  readonly error?: NodeFailure;
}

/** Why a node program gave up. `kind` is a `FailureKind`, checked by the worker. */
export interface NodeFailure {
  readonly kind: string;
  readonly message: string;
}

/** Latencies as an HDR histogram in microseconds, 3 significant digits, V2 compressed, base64. */
export interface LatenessSummary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly histogram: string;
}

/** Where the clock of one database stood, seen from the node's own monotonic clock. */
export interface ClockSample {
  readonly peer: number;
  /** Microseconds on the node's CLOCK_MONOTONIC, middle of the round trip. */
  readonly monotonicUs: number;
  /** Microseconds since 1970 on the database's clock. */
  readonly databaseUs: number;
  readonly roundTripUs: number;
}

/** What a node measured; JSON in the `result` column of `progress`. Durations are of CLOCK_MONOTONIC. */
export interface NodeResult {
  readonly protocol: number;
  readonly runId: string;
  readonly nodeIndex: number;
  readonly tupleCount: number;
  /** K·60/D. */
  readonly expectedSec: number;
  /** Last acknowledgement − t0; with `staggered`, − the start of the node's own schedule, `phaseOffsetMs` after t0. */
  readonly elapsedSec: number;
  /** Last acknowledgement − t0, `phaseOffsetMs` included. Node programs of older images do not tell. */
  readonly mainSec?: number;
  /** Each phase's own time: connecting (mesh), warm-up, barrier (own row to release), finalise. */
  readonly connectSec: number;
  readonly warmupSec: number;
  readonly barrierSec: number;
  /** From reading the assignment to t0. */
  readonly syncSec: number;
  readonly finaliseSec: number;
  /** When this node left the barrier, on the master database's clock, microseconds since 1970: the spread is the skew. */
  readonly releasedAtMasterUs: number;
  readonly releaseClockErrorUs: number;
  readonly barrierPolls: number;
  readonly latenessLocal: LatenessSummary;
  /** Of the slowest peer; in `baseline`, of the slowest copy. */
  readonly latenessRemote: LatenessSummary;
  /** Where lateness came from: the tick after the due time, before anything was sent. */
  readonly latenessPacing: LatenessSummary;
  /** Remote batches that had to wait because a peer's queue was at its bound, and for how long in all. */
  readonly saturatedBatches: number;
  readonly saturatedSec: number;
  /** Longest silence of the node's own timer between t0 and the end of finalise. */
  readonly longestGapMs: number;
  readonly reconnects: number;
  /** Right before the node enters its row, so that sampling disturbs no main loop. In `baseline`: own and master's. */
  readonly clocksAtRelease: readonly ClockSample[];
  readonly clocksAtEnd: readonly ClockSample[];
  /** CPU of the node program from t0 to the last acknowledgement. */
  readonly cpuUserSec: number;
  readonly cpuSystemSec: number;
  /** CPU of the whole node, database included, over the same time; `null` where its cgroup does not tell. */
  readonly nodeCpuSec: number | null;
  readonly programRssMib: number;
  /** Kernel, CPU model, Node and database versions and variables. */
  readonly facts: Readonly<Record<string, string>>;
}
