/** The ledger: what a run is about to create, written down before it does, and crossed out once it is gone. */

import { UNKNOWN_STEP } from "#model/errors";
import { rowOfUnfinishedRun } from "#model/run-row";
import type { RunRow } from "#model/result-row";
import type { RunSpec } from "#model/run";

export interface RunIntent {
  readonly run: RunSpec;
  /** UTC, ISO 8601: the nodes end themselves then. */
  readonly deadlineAt: string;
  /** UTC, ISO 8601. */
  readonly recordedAt: string;
}

/** For people: `4 nodes of provider docker`. */
export const describeIntent = ({ run: { point, environment } }: RunIntent): string =>
  `${point.nodes} nodes of provider ${environment.provider}`;

/** The row of a run whose workflow is gone and left none. */
export function rowOfLostRun({ run, recordedAt }: RunIntent): RunRow {
  const message = "the run's workflow is gone and left no row";
  const failure = { kind: "history lost", message, step: UNKNOWN_STEP, host: run.environment.host } as const;
  return rowOfUnfinishedRun({ run, startedAt: recordedAt, failure });
}
