/** A plan as a user reads it, and as `plan --json` prints it. Pure. */

import { alignColumns } from "#cli/output";
import { groupDigits } from "#model/field-rules";
import { insertsPerMinOf, tupleCountOf } from "#model/plan";
import type { Plan, PointPlan } from "#model/plan";
import type { Point } from "#model/run";
import { factorColumnsOf } from "#model/run-row";
import { scalarPathOf } from "#model/spec-schema";
import type { FactorKey } from "#model/spec-schema";
import type { Spec, Threshold } from "#model/spec";
import { formatDuration, formatMemory } from "#model/units";

/** `ours`: stands in for a value the paper does not print. `set`: chosen by a flag. `""`: as the spec says. */
type Origin = "ours" | "set" | "";

export interface Setting {
  readonly key: string;
  readonly value: string;
  readonly origin: Origin;
}

const FACTOR_OF_POINT = {
  environment: ({ environment }) => environment,
  mode: ({ mode }) => mode,
  nodes: ({ nodes }) => String(nodes),
  rate: ({ ratePerMin }) => String(ratePerMin),
  aggregation: ({ aggregation }) => String(aggregation),
  duration: ({ durationSec }) => formatDuration(durationSec),
  engine: ({ engine }) => engine,
  client: ({ client }) => client,
  release: ({ release }) => release,
  resolve: ({ resolve }) => resolve,
  phase: ({ phase }) => phase,
  cpus: ({ cpus }) => String(cpus),
  memory: ({ memoryMib }) => formatMemory(memoryMib),
} as const satisfies Record<FactorKey | "environment", (point: Point) => string>;

type ShownFactor = keyof typeof FACTOR_OF_POINT;
const SHOWN_FACTORS = Object.keys(FACTOR_OF_POINT) as readonly ShownFactor[];

/** @param setKeys - The keys of `--set`, as the user wrote them. */
export function settingsOf({ spec, points, skipped }: Plan, setKeys: readonly string[]): Setting[] {
  const places = spec.environments.map(({ name, provider, host }) => `${name} (${provider} on ${host})`);
  const all = [...points, ...skipped].map(({ point }) => point);
  const factors = SHOWN_FACTORS.map((factor) => {
    const values = [...new Set(all.map((point) => FACTOR_OF_POINT[factor](point)))];
    return { key: factor, value: values.join(", "), origin: originOf(pathsOf(factor, spec), spec, setKeys) };
  });
  const others: Record<string, string> = {
    warmup: formatDuration(spec.warmupSec),
    repetitions: String(spec.repetitions),
    attempts: String(spec.attempts),
    seed: String(spec.seed),
    order: spec.order,
    observe: spec.observe,
    keep: spec.keep,
    deadline: spec.deadlineSec === undefined ? "from each point's estimate" : formatDuration(spec.deadlineSec),
    ...Object.fromEntries(spec.thresholds.map((threshold) => thresholdSetting(threshold))),
  };
  return [
    { key: "environments", value: places.join(", "), origin: "" },
    ...factors.filter(({ key }) => key !== "environment"),
    ...Object.entries(others).map(([key, value]) => ({ key, value, origin: originOf([key], spec, setKeys) })),
  ];
}

const thresholdSetting = ({ column, statistic, comparison, bound }: Threshold): [key: string, value: string] => [
  `thresholds.${column}.${statistic}`,
  `${comparison} ${bound}`,
];

/** Every place where a file or a flag can say this factor. */
function pathsOf(factor: ShownFactor, { environments }: Spec): string[] {
  if (factor === "environment") return [];
  const inEnvironments = environments.map(({ name }) => `environments.${name}.${factor}`);
  return [factor, `matrix.${factor}`, scalarPathOf(factor).join("."), ...inEnvironments];
}

function originOf(paths: readonly string[], { ours }: Spec, setKeys: readonly string[]): Origin {
  if (paths.some((path) => setKeys.includes(path))) return "set";
  return paths.some((path) => ours.includes(path)) ? "ours" : "";
}

/** Tables for a terminal: what holds everywhere, a line for each point, then what is worth knowing. */
export function planText(plan: Plan, setKeys: readonly string[]): string {
  const { spec, points, runs, estimatedSec } = plan;
  const settings = settingsOf(plan, setKeys).map(({ key, value, origin }) => [key, value, origin]);
  return [
    `${spec.name}: ${points.length} points x ${spec.repetitions} repetitions = ${runs.length} runs, about ${formatDuration(estimatedSec)}`,
    alignColumns(settings),
    alignColumns(pointTable(points)),
    `order of points: ${runs.map(({ point }) => point).join(" ")}`,
    remarks(plan).join("\n"),
  ].join("\n\n");
}

function remarks({ spec, points, skipped, notes }: Plan): string[] {
  return [
    ...(spec.ours.length > 0 ? ["ours: not printed in the paper, chosen by Meshbench"] : []),
    ...skipped.map(({ point, why }) => `skipped point ${point.index}: ${why}`),
    ...notes.map((text) => `note: ${text}`),
    ...notesOfPoints(points),
  ];
}

function pointTable(points: readonly PointPlan[]): string[][] {
  const varying = SHOWN_FACTORS.filter(
    (factor) => factor === "environment" || new Set(points.map(({ point }) => FACTOR_OF_POINT[factor](point))).size > 1,
  );
  const header = [
    "point",
    ...varying,
    "tuples/node",
    "rows/db",
    "inserts/min",
    "pool",
    "redo",
    "RAM disk",
    "memory/node",
    "all nodes",
    "time/run",
  ];
  const lines = points.map(({ point, sizing, rowsPerDatabase, memoryNeededMib, estimatedSec }) => [
    String(point.index),
    ...varying.map((factor) => FACTOR_OF_POINT[factor](point)),
    groupDigits(tupleCountOf(point)),
    groupDigits(rowsPerDatabase),
    groupDigits(insertsPerMinOf(point)),
    formatMemory(sizing.bufferPoolMib),
    formatMemory(sizing.redoLogMib),
    formatMemory(sizing.ramDiskMib),
    `${formatMemory(memoryNeededMib)} of ${formatMemory(point.memoryMib)}`,
    formatMemory(memoryNeededMib * point.nodes),
    formatDuration(estimatedSec),
  ]);
  return [header, ...lines];
}

/** A note that several points share is one line. */
function notesOfPoints(points: readonly PointPlan[]): string[] {
  const notes = points.flatMap(({ point, notes: texts }) => texts.map((text) => ({ text, index: point.index })));
  return [...Map.groupBy(notes, ({ text }) => text)].map(([text, shared]) => {
    const where =
      shared.length === points.length ? "all points" : `point ${shared.map(({ index }) => index).join(", ")}`;
    return `note: ${where}: ${text}`;
  });
}

/** The document of `plan --json`: names as in result rows, units in them. */
export function planDocument(plan: Plan, setKeys: readonly string[]) {
  return {
    name: plan.spec.name,
    settings: settingsOf(plan, setKeys),
    points: plan.points.map((point) => pointDocument(point)),
    skipped: plan.skipped.map(({ point, why }) => ({ ...factorsDocument(point), why })),
    order: plan.spec.order,
    seed: plan.spec.seed,
    runs: plan.runs,
    estimated_s: round(plan.estimatedSec),
    notes: plan.notes,
  };
}

function pointDocument({ point, sizing, ...plan }: PointPlan) {
  return {
    ...factorsDocument(point),
    tuples_per_node: tupleCountOf(point),
    tuples_per_db_expected: plan.rowsPerDatabase,
    inserts_per_min: insertsPerMinOf(point),
    buffer_pool_mib: sizing.bufferPoolMib,
    redo_log_mib: sizing.redoLogMib,
    ram_disk_mib: sizing.ramDiskMib,
    heap_table_mib: sizing.heapTableMib,
    memory_needed_mib: plan.memoryNeededMib,
    estimated_s: round(plan.estimatedSec),
    deadline_s: plan.deadlineSec,
    notes: plan.notes,
  };
}

const factorsDocument = (point: Point) => ({ point: point.index, ...factorColumnsOf(point) });

const round = (sec: number): number => Math.round(sec * 10) / 10;
