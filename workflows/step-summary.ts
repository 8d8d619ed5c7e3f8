/** One line for each step of a run, beside its activity in Temporal's UI. */

import { tupleCountOf } from "#model/plan";
import type { RunSpec, Step } from "#model/run";

export function summariseStep(step: Step, { point, environment }: RunSpec): string {
  const { nodes, ratePerMin, durationSec } = point;
  const tuples = tupleCountOf(point);
  const summaries: Record<Step, string> = {
    provision: `${nodes} nodes on ${environment.host}`,
    sync: `${nodes} nodes meet at the barrier`,
    main: `${nodes} × ${tuples} tuples at ${ratePerMin}/min, ${durationSec} s where nothing is late`,
    finalise: "until no node is left in the coordination table",
    collect: `results and proofs of ${nodes} databases`,
    teardown: "everything that carries the run's label",
  };
  return summaries[step];
}
