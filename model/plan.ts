/** From a spec to the runs it stands for: which, in which order, how large, how long. Creates nothing. */

import { InputError } from "#model/errors";
import type { InputIssue } from "#model/errors";
import { formatPath } from "#model/field-path";
import type { FieldPath } from "#model/field-path";
import { orderRuns } from "#model/order";
import type { DatabaseSizing, Point } from "#model/run";
import { memoryNeededMib, sizeDatabase } from "#model/sizing";
import type { SizedLoad } from "#model/sizing";
import type { Environment, Spec } from "#model/spec";
import { formatDuration, formatMemory } from "#model/units";

/** K = round(D·duration/60 s), at least 1: tuples of one node. */
export const tupleCountOf = ({ ratePerMin, durationSec }: Pick<Point, "ratePerMin" | "durationSec">): number =>
  Math.max(1, Math.round((ratePerMin * durationSec) / 60));

/** K·60/D, in seconds. */
export const expectedSecOf = (point: Pick<Point, "ratePerMin" | "durationSec">): number =>
  (tupleCountOf(point) * 60) / point.ratePerMin;

/** I = N²·D: inserts per minute in all databases together, in either mode. */
export const insertsPerMinOf = ({ nodes, ratePerMin }: Pick<Point, "nodes" | "ratePerMin">): number =>
  nodes ** 2 * ratePerMin;

/** One run from provision to teardown, in seconds. */
export function estimatedSecOf(point: Point, warmupSec: number): number {
  const rows = point.nodes * point.nodes * tupleCountOf(point);
  const overheadSec = RUN_OVERHEAD_SEC + NODE_OVERHEAD_SEC * point.nodes + PROOF_SEC_PER_ROW * rows;
  return overheadSec + warmupSec + expectedSecOf(point);
}

/** A run before its first attempt: which repetition of which point. */
export interface PlannedRun {
  /** `Point.index`. */
  readonly point: number;
  readonly repetition: number;
}

interface SkippedPoint {
  readonly point: Point;
  readonly why: string;
}

export interface PointPlan {
  readonly point: Point;
  readonly sizing: DatabaseSizing;
  /** Rows that each database must hold: N·K. */
  readonly rowsPerDatabase: number;
  /** What one node needs, to be held against its limit. */
  readonly memoryNeededMib: number;
  readonly deadlineSec: number;
  /** One run from provision to teardown, in seconds. */
  readonly estimatedSec: number;
  /** Statements worth knowing, such as a last partial batch. */
  readonly notes: readonly string[];
}

export interface Plan {
  readonly spec: Spec;
  readonly points: readonly PointPlan[];
  readonly skipped: readonly SkippedPoint[];
  /** In the order they are measured. */
  readonly runs: readonly PlannedRun[];
  readonly estimatedSec: number;
  /** Statements worth knowing about the whole of it. */
  readonly notes: readonly string[];
}

/** What a run costs beside its main loop, from measurements on two cores: fixed, per node, per row counted and digested. */
const RUN_OVERHEAD_SEC = 5;
const NODE_OVERHEAD_SEC = 0.4;
const PROOF_SEC_PER_ROW = 1e-6;

/** A main loop may take this many times as long as it should before its run is ended: being late is what is measured. */
const LATE_FACTOR = 5;
/** And a worker, a server or room for results may be away for so long without costing a run: the steps' limits follow it. */
export const OUTAGE_SEC = 600;

/** Shorter main loops are never quoted: the last batch and the barrier weigh too much in them. */
export const QUOTABLE_FROM_SEC = 30;
const LEAST_REPETITIONS_FOR_INTERVAL = 6;

/**
 * @throws {InputError} Where a node's limit cannot hold what it has to, where a deadline is shorter than the run, or where
 * nothing is left to measure. All such issues at once.
 */
export function expandPlan(spec: Spec): Plan {
  const all = expandPoints(spec);
  const skipped = all.flatMap((point) => skipOf(point, spec));
  const skippedIndices = new Set(skipped.map(({ point }) => point.index));
  const points = all.filter(({ index }) => !skippedIndices.has(index)).map((point) => planPoint(point, spec));
  const issues = [...checkPointsLeft(points, spec), ...checkMemory(points, spec), ...checkDeadline(points, spec)];
  if (issues.length > 0) throw new InputError(issues);

  const { repetitions, order, seed } = spec;
  const runs = orderRuns({ points: points.map(({ point }) => point.index), repetitions, order, seed });
  const estimatedSec = repetitions * points.reduce((sum, point) => sum + point.estimatedSec, 0);
  return { spec, points, skipped, runs, estimatedSec, notes: planNotes(spec) };
}

/**
 * Loads outermost, then mode, environments innermost: with `order: declared` the arms that are compared follow each other.
 * The axes' order in the file does not matter, so that a point's index does not change when a file is rearranged.
 */
function expandPoints({ environments, factors }: Spec): Point[] {
  const combinations = product({
    nodes: factors.nodes,
    ratePerMin: factors.rate,
    aggregation: factors.aggregation,
    durationSec: factors.durationSec,
    engine: factors.engine,
    client: factors.client,
    release: factors.release,
    resolve: factors.resolve,
    phase: factors.phase,
    cpus: orEachOwn(factors.cpus),
    memoryMib: orEachOwn(factors.memoryMib),
    mode: factors.mode,
    environment: environments,
  });
  return combinations.map(({ environment, cpus, memoryMib, ...load }, i) =>
    Object.assign(load, {
      index: i + 1,
      environment: environment.name,
      cpus: cpus ?? environment.cpus,
      memoryMib: memoryMib ?? environment.memoryMib,
    }),
  );
}

const orEachOwn = (axis: readonly number[]): readonly (number | undefined)[] => (axis.length > 0 ? axis : [undefined]);

/** Every combination of one value each; the last key varies fastest. */
function product<Values extends Record<string, readonly unknown[]>>(
  axes: Values,
): { [Key in keyof Values]: Values[Key][number] }[] {
  let combinations: [key: string, value: unknown][][] = [[]];
  for (const [key, values] of Object.entries(axes)) {
    combinations = combinations.flatMap((left) => values.map((value) => left.concat([[key, value]])));
  }
  return combinations.map((entries) => Object.fromEntries(entries)) as { [Key in keyof Values]: Values[Key][number] }[];
}

function skipOf(point: Point, spec: Spec): SkippedPoint[] {
  const { maxNodes } = environmentOf(point, spec);
  if (maxNodes === undefined || point.nodes <= maxNodes) return [];
  return [{ point, why: `${point.nodes} nodes > max_nodes ${maxNodes} of ${point.environment}` }];
}

function environmentOf(point: Point, { environments }: Spec): Environment {
  const environment = environments.find(({ name }) => name === point.environment);
  if (!environment)
    throw new Error(`point ${point.index} names environment ${point.environment}, which is not in its spec`);
  return environment;
}

function planPoint(point: Point, spec: Spec): PointPlan {
  const load = loadOf(point, spec);
  const needed = sizeDatabase(load);
  const estimatedSec = estimatedSecOf(point, spec.warmupSec);
  return {
    point,
    sizing: { ...needed, ramDiskMib: environmentOf(point, spec).ramDiskMib ?? needed.ramDiskMib },
    rowsPerDatabase: load.rowsPerDatabase,
    memoryNeededMib: memoryNeededMib(load, needed),
    deadlineSec: spec.deadlineSec ?? Math.ceil(estimatedSec + (LATE_FACTOR - 1) * expectedSecOf(point) + OUTAGE_SEC),
    estimatedSec,
    notes: pointNotes(point),
  };
}

const loadOf = (point: Point, { warmupSec }: Spec): SizedLoad => ({
  ...point,
  warmupSec,
  rowsPerDatabase: point.nodes * tupleCountOf(point),
});

function pointNotes(point: Point): string[] {
  const tuples = tupleCountOf(point);
  const rest = tuples % point.aggregation;
  return [
    ...(rest === 0 ? [] : [`AG ${point.aggregation} does not divide K ${tuples}: the last batch has ${rest}`]),
    ...(point.durationSec < QUOTABLE_FROM_SEC ? [`under ${QUOTABLE_FROM_SEC}s: quotable false`] : []),
    ...(point.nodes === 1 ? ["one node: no peers"] : []),
  ];
}

function planNotes({ repetitions }: Spec): string[] {
  return repetitions < LEAST_REPETITIONS_FOR_INTERVAL
    ? [`${repetitions} repetitions: ${LEAST_REPETITIONS_FOR_INTERVAL} are the least for an interval`]
    : [];
}

function checkPointsLeft(points: readonly PointPlan[], { environments }: Spec): InputIssue[] {
  if (points.length > 0) return [];
  return environments.map(({ name, maxNodes }) => ({
    field: formatPath(["environments", name, "max_nodes"]),
    value: maxNodes,
    rule: "skips every point of the matrix",
    hint: "raise it, or measure fewer nodes",
  }));
}

/** One issue per environment, or per size where sizes are an axis: that of the point that needs most. */
function checkMemory(points: readonly PointPlan[], spec: Spec): InputIssue[] {
  const memoryAxis = spec.factors.memoryMib;
  const memoryIssues =
    memoryAxis.length > 0
      ? memoryAxis.flatMap((memoryMib, i) =>
          memoryIssue(
            ["matrix", "memory", i],
            points.filter(({ point }) => point.memoryMib === memoryMib),
          ),
        )
      : spec.environments.flatMap(({ name }) =>
          memoryIssue(
            ["environments", name, "memory"],
            points.filter(({ point }) => point.environment === name),
          ),
        );
  return [...memoryIssues, ...spec.environments.flatMap(({ name }) => ramDiskIssue(name, points, spec))];
}

function memoryIssue(path: FieldPath, points: readonly PointPlan[]): InputIssue[] {
  const worst = greatest(points, ({ memoryNeededMib: needed }) => needed);
  if (!worst || worst.memoryNeededMib <= worst.point.memoryMib) return [];
  const value = formatMemory(worst.point.memoryMib);
  const rule = `a node needs ${formatMemory(worst.memoryNeededMib)} ${loadInWords(worst)}`;
  return [{ field: formatPath(path), value, rule, hint: `at least ${formatMemory(worst.memoryNeededMib)}` }];
}

function ramDiskIssue(name: string, points: readonly PointPlan[], spec: Spec): InputIssue[] {
  const needOf = ({ point }: PointPlan) => sizeDatabase(loadOf(point, spec)).ramDiskMib;
  const worst = greatest(
    points.filter(({ point }) => point.environment === name),
    needOf,
  );
  if (!worst || needOf(worst) <= worst.sizing.ramDiskMib) return [];
  const needed = formatMemory(needOf(worst));
  return [
    {
      field: formatPath(["environments", name, "ram_disk"]),
      value: formatMemory(worst.sizing.ramDiskMib),
      rule: `the database needs ${needed} ${loadInWords(worst)}`,
      hint: `at least ${needed}, or leave it out`,
    },
  ];
}

const loadInWords = ({ point, rowsPerDatabase }: PointPlan): string =>
  `for ${rowsPerDatabase} rows (nodes ${point.nodes}, rate ${point.ratePerMin}, ${formatDuration(point.durationSec)})`;

function checkDeadline(points: readonly PointPlan[], { deadlineSec }: Spec): InputIssue[] {
  const longest = greatest(points, ({ estimatedSec }) => estimatedSec);
  if (deadlineSec === undefined || !longest || deadlineSec >= longest.estimatedSec) return [];
  const estimate = formatDuration(Math.ceil(longest.estimatedSec));
  return [
    {
      field: "deadline",
      value: formatDuration(deadlineSec),
      rule: `shorter than the plan's estimate of ${estimate} for point ${longest.point.index}`,
      hint: `at least ${estimate}, or leave it out`,
    },
  ];
}

function greatest<Item>(items: readonly Item[], size: (item: Item) => number): Item | undefined {
  return items.length === 0 ? undefined : items.reduce((most, item) => (size(item) > size(most) ? item : most));
}
