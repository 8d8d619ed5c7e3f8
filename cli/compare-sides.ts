/** Reads the two sides of a comparison: sweeps, or single environments of them. */

import { readSweepResults, requireSweepId } from "#cli/results";
import { InputError } from "#model/errors";
import type { Spec } from "#model/spec";
import { prepareComparison, type ComparedSide, type ComparisonReport } from "#report/comparison";

interface Side extends ComparedSide {
  readonly seed: number;
}

/**
 * @param a - `SWEEP` or `SWEEP:ENVIRONMENT`.
 * @throws {InputError} Where there is no such sweep or environment.
 */
export async function compareSides(a: string, b: string): Promise<ComparisonReport> {
  const [left, right] = [await readSide("A", a), await readSide("B", b)];
  return prepareComparison(left, right, left.seed);
}

async function readSide(field: string, text: string): Promise<Side> {
  const [sweepId = "", environment, ...more] = text.split(":");
  if (more.length > 0) {
    throw new InputError([{ field, value: text, rule: "must be SWEEP or SWEEP:ENVIRONMENT" }]);
  }
  requireSweepId(sweepId);
  const { sweep, rows, evidence } = await readSweepResults(sweepId);
  const isMeant = (name: string) => environment === undefined || name === environment;
  const known = [...new Set(rows.map((row) => row.environment))];
  if (environment !== undefined && !known.includes(environment)) {
    const hint = `measured in this sweep: ${known.join(", ") || "none yet"}`;
    throw new InputError([{ field, value: text, rule: "no such environment", hint }]);
  }
  const prepared = new Map(evidence.map(({ run }) => [run.environment.name, run.environment]));
  return {
    name: text,
    rows: rows.filter((row) => isMeant(row.environment)),
    environments: [...prepared.values()].filter(({ name }) => isMeant(name)),
    seed: (JSON.parse(sweep.specJson) as Spec).seed,
  };
}
