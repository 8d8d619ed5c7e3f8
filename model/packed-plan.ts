/**
 * A plan as the input of the sweep's workflow. A payload has to stay under 256 KiB with 500 points, so the points are a
 * table: what is equal in all of them stands there once, the rest is a row of values each.
 */

import type { Plan, PlannedRun, PointPlan } from "#model/plan";
import type { Spec } from "#model/spec";

/** What the runs of a point need, out of its `PointPlan`. */
export type SweepPoint = Pick<PointPlan, "point" | "sizing" | "deadlineSec" | "estimatedSec">;

interface Table<T> {
  readonly common: Partial<T>;
  readonly columns: readonly (keyof T)[];
  readonly rows: readonly (readonly unknown[])[];
}

export interface PackedPlan {
  readonly spec: Spec;
  readonly points: Table<SweepPoint["point"]>;
  readonly sizings: Table<SweepPoint["sizing"]>;
  readonly times: Table<Omit<SweepPoint, "point" | "sizing">>;
  /** Point and repetition of each run, in the order they are measured. */
  readonly runs: readonly (readonly [point: number, repetition: number])[];
}

export function packPlan({ spec, points, runs }: Plan): PackedPlan {
  return {
    spec,
    points: packTable(points.map(({ point }) => point)),
    sizings: packTable(points.map(({ sizing }) => sizing)),
    times: packTable(points.map(({ deadlineSec, estimatedSec }) => ({ deadlineSec, estimatedSec }))),
    runs: runs.map(({ point, repetition }) => [point, repetition]),
  };
}

/** @returns The points by `Point.index`, and the runs in their order. */
export function unpackPlan(packed: PackedPlan): { points: ReadonlyMap<number, SweepPoint>; runs: PlannedRun[] } {
  const sizings = unpackTable(packed.sizings);
  const times = unpackTable(packed.times);
  const points = unpackTable(packed.points).map((point, i) => {
    const sizing = sizings[i];
    const time = times[i];
    if (sizing === undefined || time === undefined) throw new RangeError(`point ${point.index} has no sizing or times`);
    return [point.index, { point, sizing, ...time }] as const;
  });
  return { points: new Map(points), runs: packed.runs.map(([point, repetition]) => ({ point, repetition })) };
}

/** All records have the same keys, with plain values. */
function packTable<T extends object>(records: readonly T[]): Table<T> {
  const [first] = records;
  if (first === undefined) return { common: {}, columns: [], rows: [] };
  const keys = Object.keys(first) as (keyof T)[];
  const columns = keys.filter((key) => records.some((record) => record[key] !== first[key]));
  const common = Object.fromEntries(keys.filter((key) => !columns.includes(key)).map((key) => [key, first[key]]));
  return {
    common: common as Partial<T>,
    columns,
    rows: records.map((record) => columns.map((column) => record[column])),
  };
}

function unpackTable<T>({ common, columns, rows }: Table<T>): T[] {
  return rows.map((row) => ({ ...common, ...Object.fromEntries(columns.map((column, i) => [column, row[i]])) }) as T);
}
