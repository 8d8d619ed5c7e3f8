/**
 * The file that users write: its keys, their types, defaults and meanings. The one source of the rules of `parseSpec`, of
 * `meshbench.schema.json` for editors and of `docs/spec-reference.md`.
 */

import { z } from "zod";
import {
  addressText,
  axis,
  bound,
  choice,
  decimal,
  duration,
  durationOrZero,
  groupDigits,
  imageText,
  integer,
  memory,
  nameText,
} from "#model/field-rules";
import { CLIENTS, ENGINES, KERNELS, PLACES, MODES, ORDERS, PHASINGS, PROVIDERS, RELEASES, RESOLVES } from "#model/spec";

/** Set by the operator of an installation, never by a spec, a flag or a comment. */
export interface SpecLimits {
  /** Nodes of one run. */
  readonly nodes: number;
  /** Runs of one sweep. */
  readonly runs: number;
  /** Ids of the hosts there are; absent: not known here, and not checked. */
  readonly hosts?: readonly string[];
}

export const DEFAULT_LIMITS: SpecLimits = { nodes: 256, runs: 500 };

export const SPEC_VERSION = 1;

/** The host that a machine's own worker serves when the operator named none. */
export const DEFAULT_HOST = "local";

const DAY_SEC = 24 * 3600;

/** What a factor is where neither a value nor an axis says it. `nodes` and `rate` have to be said. */
export const FACTOR_DEFAULTS = {
  mode: "replicated",
  aggregation: 100,
  durationSec: 60,
  engine: "innodb",
  client: "batched",
  release: "agreed",
  resolve: "addresses",
  phase: "aligned",
} as const;

/** The type of one value of each factor, as a file names it. */
function factorTypes(nodesLimit: number) {
  return {
    mode: choice(MODES).describe(
      "`replicated`: tuples go to all N databases. `baseline`: the same statements, all to the node's own database.",
    ),
    nodes: integer({
      min: 1,
      max: nodesLimit,
      aboveMax: `above limit ${groupDigits(nodesLimit)} (config limits.nodes)`,
    }).describe("N, the nodes of one run."),
    rate: integer({ min: 1, max: 10_000_000 }).describe("D, tuples per node per minute."),
    aggregation: integer({ min: 1, max: 10_000 }).describe(
      "AG: after so many local inserts the same tuples go to each peer in one statement. At most K = D·T.",
    ),
    duration: duration({ minSec: 0.001, maxSec: DAY_SEC, allowed: "more than 0, max 24 h" }).describe(
      "T, how long the main loop is meant to take. Under 30s a row is marked `quotable: false`.",
    ),
    engine: choice(ENGINES).describe(
      "Storage engine of the tuple table: `innodb` as in the paper, `memory` for rates that it cannot carry.",
    ),
    client: choice(CLIENTS).describe(
      "`batched`: one statement per peer and batch. `literal`: one awaited statement at a time, row by row, peer by peer.",
    ),
    release: choice(RELEASES).describe(
      "`agreed`: all nodes leave the barrier at one instant. `polled`: each leaves when it sees the release, as in the paper.",
    ),
    resolve: choice(RESOLVES).describe(
      "`addresses`: no name resolution. `names`: nodes look peers up. `reverse`: databases look clients up.",
    ),
    phase: choice(PHASINGS).describe(
      "`aligned`: all nodes flush their batches at the same instants. `staggered`: seeded offsets spread them.",
    ),
    cpus: decimal({ min: 0.01, max: 512 }).describe("CPU limit of one node, in CPUs."),
    memory: memory({ minMib: 1, maxMib: 4 * 1024 * 1024, allowed: "1MiB..4096GiB" }).describe(
      "Hard memory limit of one node.",
    ),
  };
}

function environmentShape(factors: ReturnType<typeof factorTypes>) {
  return z.strictObject(
    {
      provider: choice(PROVIDERS).describe("What creates the nodes."),
      host: nameText()
        .prefault(DEFAULT_HOST)
        .describe("Id of a host in the operator's `hosts.yaml`. An environment stays on it for a whole sweep."),
      cpus: factors.cpus.describe(`${factors.cpus.description} Equal in all environments unless it is an axis.`),
      memory: factors.memory.describe(`${factors.memory.description} Equal in all environments unless it is an axis.`),
      image: imageText()
        .optional()
        .describe("A repository digest or a local image id. Default: the image that `meshbench image build` made."),
      ram_disk: memory({ minMib: 1, maxMib: 1024 * 1024, allowed: "1MiB..1024GiB" })
        .optional()
        .describe("Size of the RAM disk the database lives on. Default: sized by the plan."),
      dns: z
        .array(addressText(), { error: "must be a list of addresses" })
        .min(1, "must have at least one address")
        .max(3, "at most 3 addresses: resolvers read no more")
        .optional()
        .describe("Resolvers handed to the nodes. Default: the provider's own."),
      kernel: choice(KERNELS)
        .optional()
        .describe(
          "Provider `qemu` only: `host` boots the host's own kernel in the VMs, so that containers and VMs differ by it no longer.",
        )
        .meta({ default: "image" }),
      inside: choice(PLACES)
        .optional()
        .describe(
          "Provider `docker` only: `vm` takes the engine in the host's VM (`docker.in_vm` in `hosts.yaml`), on the same machine as the host's own.",
        )
        .meta({ default: "host" }),
      max_nodes: factors.nodes.optional().describe("Points with more nodes are skipped here, and the plan says so."),
    },
    { error: "must be a map with provider, cpus and memory" },
  );
}

function matrixShape(factors: ReturnType<typeof factorTypes>) {
  return z.strictObject(
    {
      mode: axis(factors.mode),
      nodes: axis(factors.nodes),
      rate: axis(factors.rate),
      aggregation: axis(factors.aggregation),
      duration: axis(factors.duration),
      engine: axis(factors.engine),
      client: axis(factors.client),
      release: axis(factors.release),
      resolve: axis(factors.resolve),
      phase: axis(factors.phase),
      cpus: axis(factors.cpus),
      memory: axis(factors.memory),
    },
    { error: "must be a map of axes, such as { nodes: [2, 4] }" },
  );
}

const statisticsShape = () =>
  z.strictObject(
    { median: bound().optional(), min: bound().optional(), max: bound().optional() },
    { error: 'must be a map, such as { median: "< 5" }' },
  );

const thresholdsShape = () =>
  z.strictObject(
    {
      deviation_pct: statisticsShape().optional(),
      lateness_remote_p99_ms: statisticsShape().optional(),
      lateness_local_p99_ms: statisticsShape().optional(),
      sync_s: statisticsShape().optional(),
    },
    { error: 'must be a map, such as { deviation_pct: { median: "< 5" } }' },
  );

/** Building the types costs a hundred times what a parse does. */
const shapes = new Map<number, ReturnType<typeof buildShape>>();

/** The shape of a spec file. What one value cannot show, such as two keys that contradict, is checked by `parseSpec`. */
export function specShape({ nodes }: SpecLimits): ReturnType<typeof buildShape> {
  const shape = shapes.get(nodes) ?? buildShape(nodes);
  shapes.set(nodes, shape);
  return shape;
}

function buildShape(nodesLimit: number) {
  const factors = factorTypes(nodesLimit);
  return z.strictObject(
    {
      version: z
        .literal(SPEC_VERSION, {
          error: `supports 1..${SPEC_VERSION}; migrate with docs/spec-reference.md (Versions), then set version: ${SPEC_VERSION}`,
        })
        .describe("Version of this format."),
      name: nameText().describe("Names the sweep: 2 to 32 of a-z, 0-9 and dash."),
      environments: z
        .record(nameText(), environmentShape(factors), { error: "must be a map of named environments" })
        .refine((environments) => Object.keys(environments).length > 0, "must have at least one environment")
        .describe("Where nodes run, by name. Each point is measured in each of them."),
      matrix: matrixShape(factors)
        .prefault({})
        .describe("Factors with several values. A point is one combination of all."),
      mode: factors.mode.optional().meta({ default: FACTOR_DEFAULTS.mode }),
      nodes: factors.nodes.optional(),
      rate: factors.rate.optional(),
      aggregation: factors.aggregation.optional().meta({ default: FACTOR_DEFAULTS.aggregation }),
      duration: factors.duration.optional().meta({ default: `${FACTOR_DEFAULTS.durationSec}s` }),
      database: z
        .strictObject(
          { engine: factors.engine.optional().meta({ default: FACTOR_DEFAULTS.engine }) },
          { error: "must be a map, such as { engine: innodb }" },
        )
        .prefault({})
        .describe("The nodes' databases."),
      client: factors.client.optional().meta({ default: FACTOR_DEFAULTS.client }),
      release: factors.release.optional().meta({ default: FACTOR_DEFAULTS.release }),
      resolve: factors.resolve.optional().meta({ default: FACTOR_DEFAULTS.resolve }),
      phase: factors.phase.optional().meta({ default: FACTOR_DEFAULTS.phase }),
      warmup: durationOrZero({ maxSec: 3600, allowed: "0 to 1h" })
        .prefault("3s")
        .describe("Same statements into a scratch table, before the barrier's release. `0s` as in the paper."),
      repetitions: integer({ min: 1, max: 500 })
        .prefault(10)
        .describe("Runs of each point that count. 6 is the least for an interval."),
      attempts: integer({ min: 1, max: 10 })
        .prefault(2)
        .describe("Runs measured for one repetition at most, the first included, where one is disturbed."),
      seed: integer({ min: 0, max: Number.MAX_SAFE_INTEGER, rule: "unsigned 53-bit integer or omit" })
        .prefault(2018)
        .describe("Tuples, order and offsets derive from it: the same seed measures the same."),
      order: choice(ORDERS)
        .prefault("interleaved")
        .describe(
          "`interleaved`: each repetition is a seeded permutation of all points. `declared`: point after point.",
        ),
      observe: choice(["on", "off"])
        .prefault("on")
        .describe("`off` leaves the nodes alone from release to finalise, to show what observing costs."),
      keep: choice(["never", "on-failure"])
        .prefault("never")
        .describe("`on-failure` leaves the nodes of a failed run until their deadline."),
      deadline: duration({ minSec: 0.001, maxSec: 7 * DAY_SEC, allowed: "more than 0, max 168h (7 d)" })
        .optional()
        .describe("From a run's start until it is ended. Default: estimated by the plan for each point."),
      thresholds: thresholdsShape()
        .prefault({})
        .describe("Bounds over a point's VALID repetitions. One that is missed makes the command exit with 3."),
      ours: z
        .array(z.string({ error: "must be a path, such as matrix.rate" }), { error: "must be a list of paths" })
        .prefault([])
        .describe("Paths of values that stand in for ones the paper does not print. The plan marks them `ours`."),
    },
    { error: "must be a map with version, name, environments, nodes and rate" },
  );
}

export type SpecShape = z.output<ReturnType<typeof specShape>>;

/** The factors as a file names them, in the order of the reference. */
export const FACTOR_KEYS = Object.keys(factorTypes(DEFAULT_LIMITS.nodes)) as readonly FactorKey[];
export type FactorKey = keyof ReturnType<typeof factorTypes>;

/** Where a factor with one value stands. `cpus` and `memory` belong to environments, so one value is an axis of one. */
export const scalarPathOf = (factor: FactorKey): readonly string[] => {
  if (factor === "engine") return ["database", "engine"];
  return factor === "cpus" || factor === "memory" ? ["matrix", factor] : [factor];
};

const SHAPE = specShape(DEFAULT_LIMITS);

/** Keys that the map at this path may have; none where it is no map or names are free. */
export function knownKeysAt(path: readonly PropertyKey[]): readonly string[] {
  const type = path.reduce<unknown>((outer, key) => {
    if (outer instanceof z.ZodObject) return unwrap(outer.shape[String(key)]);
    return outer instanceof z.ZodRecord ? unwrap(outer.valueType) : undefined;
  }, SHAPE);
  return type instanceof z.ZodObject ? Object.keys(type.shape) : [];
}

function unwrap(type: unknown): unknown {
  return type instanceof z.ZodOptional || type instanceof z.ZodPrefault ? unwrap(type.unwrap()) : type;
}
