/**
 * What a user asks for, once it is checked and every default is filled in. The shape of the file that users write, the
 * rules and their messages live in `spec-schema.ts`; nothing behind that file sees an unchecked value.
 */

export const MODES = ["replicated", "baseline"] as const;
export const PROVIDERS = ["docker", "esxi", "qemu", "process"] as const;
export const ENGINES = ["innodb", "memory"] as const;
export const CLIENTS = ["batched", "literal"] as const;
export const RELEASES = ["agreed", "polled"] as const;
export const RESOLVES = ["addresses", "names", "reverse"] as const;
export const PHASINGS = ["aligned", "staggered"] as const;
export const KERNELS = ["image", "host"] as const;
export const PLACES = ["host", "vm"] as const;
export const ORDERS = ["interleaved", "declared"] as const;

export type Mode = (typeof MODES)[number];
export type ProviderName = (typeof PROVIDERS)[number];
export type Engine = (typeof ENGINES)[number];
export type Client = (typeof CLIENTS)[number];
export type Release = (typeof RELEASES)[number];
export type Resolve = (typeof RESOLVES)[number];
export type Phasing = (typeof PHASINGS)[number];
type Kernel = (typeof KERNELS)[number];
export type Order = (typeof ORDERS)[number];

/** What really separates the nodes of a run; `tcg` and `simulated` never support a conclusion about VMs. */
export type Isolation = "native" | "container" | "container-in-vm" | "kvm" | "esxi" | "tcg" | "simulated";

/** A named place where nodes run. */
export interface Environment {
  readonly name: string;
  readonly provider: ProviderName;
  /** Id of a host in the operator's `hosts.yaml`. */
  readonly host: string;
  /** CPU limit of one node, in CPUs; may be a fraction. */
  readonly cpus: number;
  /** Hard memory limit of one node. */
  readonly memoryMib: number;
  /** Digest reference or local image id; absent: the image that `meshbench image build` made. */
  readonly image?: string;
  /** Size of the RAM disk; absent: sized by the plan. */
  readonly ramDiskMib?: number;
  /** Resolver addresses handed to the nodes; absent: the provider's own. */
  readonly dns?: readonly string[];
  /** What VMs boot, with provider `qemu`: their image's kernel, or the one that runs on the host. Absent: `image`. */
  readonly kernel?: Kernel;
  /** With provider `docker`: the host's own engine, or the one in its VM. Absent: `host`. */
  readonly inside?: (typeof PLACES)[number];
  /** Points with more nodes are skipped here, and the plan says so. */
  readonly maxNodes?: number;
}

/** Every factor with its values in declared order: one value where it is no axis. */
export interface Factors {
  readonly mode: readonly Mode[];
  readonly nodes: readonly number[];
  /** Tuples per node per minute. */
  readonly rate: readonly number[];
  readonly aggregation: readonly number[];
  readonly durationSec: readonly number[];
  readonly engine: readonly Engine[];
  readonly client: readonly Client[];
  readonly release: readonly Release[];
  readonly resolve: readonly Resolve[];
  readonly phase: readonly Phasing[];
  /** Empty: each environment's own. */
  readonly cpus: readonly number[];
  /** Empty: each environment's own. */
  readonly memoryMib: readonly number[];
}

/** A bound on one statistic of a result column over a point's VALID repetitions, such as `deviation_pct.median < 5`. */
export interface Threshold {
  readonly column: "deviation_pct" | "lateness_remote_p99_ms" | "lateness_local_p99_ms" | "sync_s";
  readonly statistic: "median" | "min" | "max";
  readonly comparison: "<" | "<=" | ">" | ">=";
  readonly bound: number;
}

export interface Spec {
  readonly version: 1;
  readonly name: string;
  readonly environments: readonly Environment[];
  readonly factors: Factors;
  readonly warmupSec: number;
  readonly repetitions: number;
  /** Runs measured for one repetition at most, the first included. */
  readonly attempts: number;
  readonly seed: number;
  readonly order: Order;
  readonly observe: "on" | "off";
  readonly keep: "never" | "on-failure";
  /** From a run's start; absent: estimated by the plan for each point. */
  readonly deadlineSec?: number;
  readonly thresholds: readonly Threshold[];
  /** Dotted paths of values that stand in for ones the paper does not print; `plan` marks them `ours`. */
  readonly ours: readonly string[];
}
