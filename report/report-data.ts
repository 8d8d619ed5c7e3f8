/** What a report is made of, worked out once for all its files. */

import { summarisePoints, type PointSummary } from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import type { PreparedEnvironment, SweepRecord } from "#model/run";
import type { RunNote } from "#model/run-notes";
import type { Spec } from "#model/spec";
import { findThresholdMisses, type ThresholdMiss } from "#model/thresholds";
import { formatMemory } from "#model/units";
import { valuesOf } from "#report/factors";
import { effectColumns, type SampledEvidence } from "#report/environment-effects";
import type { PointColumn } from "#report/point-columns";

export interface ReportInput {
  readonly sweep: SweepRecord;
  /** In the order they were measured. */
  readonly rows: readonly RunRow[];
  /** Of the runs that have some; the facts of the environments come from it, and what the load did to them. */
  readonly evidence: readonly SampledEvidence[];
  readonly notes?: readonly RunNote[];
}

export interface ReportData {
  readonly sweep: SweepRecord;
  readonly spec: Spec;
  readonly rows: readonly RunRow[];
  readonly points: readonly PointSummary[];
  readonly misses: readonly ThresholdMiss[];
  readonly environments: readonly PreparedEnvironment[];
  readonly facts: readonly FactLine[];
  /** None where no run was sampled. */
  readonly effects: readonly PointColumn[];
  readonly notes: readonly RunNote[];
}

/** One fact of every environment. */
export interface FactLine {
  readonly fact: string;
  /** In the order of the environments; "–" where an environment has no such fact. */
  readonly values: readonly string[];
  readonly differs: boolean;
}

export function prepareReport({ sweep, rows, evidence, notes = [] }: ReportInput): ReportData {
  const spec = JSON.parse(sweep.specJson) as Spec;
  const points = summarisePoints(rows);
  const byName = new Map(evidence.map(({ run }) => [run.environment.name, run.environment]));
  const environments = [...byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const misses = findThresholdMisses(spec.thresholds, points);
  return {
    sweep,
    spec,
    rows,
    points,
    misses,
    environments,
    facts: compareFacts(environments, rows),
    effects: effectColumns(evidence),
    notes,
  };
}

function compareFacts(environments: readonly PreparedEnvironment[], rows: readonly RunRow[]): FactLine[] {
  const rowsOf = (name: string) => rows.filter(({ environment }) => environment === name);
  return alignFacts(environments.map((environment) => factsOf(environment, rowsOf(environment.name))));
}

/** One line a fact, the first one's order first. */
export function alignFacts(facts: readonly EnvironmentFacts[]): FactLine[] {
  const traits = facts.map((one) => new Map(Object.entries(one)));
  const names = [...new Set(traits.flatMap((one) => [...one.keys()]))];
  return names.map((fact) => {
    const values = traits.map((one) => one.get(fact) ?? "–");
    return { fact, values, differs: new Set(values).size > 1 };
  });
}

export type EnvironmentFacts = Readonly<Record<string, string>>;

/** The declared traits first, then the recorded facts by name. */
export function factsOf(
  { provider, isolation, host, imageDigest, facts }: PreparedEnvironment,
  rows: readonly RunRow[],
): EnvironmentFacts {
  // Not the environment's own sizes: as an axis they are the point's.
  return {
    provider,
    isolation,
    host,
    "cpus per node": valuesOf(rows, "cpus").join(", "),
    "memory per node": valuesOf(rows, "memory_mib")
      .map((mib) => formatMemory(Number(mib)))
      .join(", "),
    "node image": imageDigest,
    ...Object.fromEntries(Object.entries(facts).toSorted(([a], [b]) => (a < b ? -1 : 1))),
  };
}
