/** How far a sweep is, as its workflow answers it. */

import type { RunStatus } from "#model/errors";
import type { RunRow } from "#model/result-row";

/** On the wire; also for activities, which know no workflow. */
export const GET_SWEEP_PROGRESS_QUERY = "getSweepProgress";

/** Rows by status, every attempt counted. */
export type StatusCounts = Readonly<Partial<Record<RunStatus, number>>>;

/** What `getSweepProgress` answers. */
export interface SweepProgress {
  readonly sweepId: string;
  readonly runsPlanned: number;
  /** Planned runs whose last attempt has ended. */
  readonly runsDone: number;
  /** No further run starts; the current one, if any, ends as usual. */
  readonly isPaused: boolean;
  /** By the plan's estimate, the run under way counted as a whole. */
  readonly secLeft: number;
  readonly statusCounts: StatusCounts;
  /** The runs under way, at most one on each host: their workflows are `run-<runId>`. */
  readonly currentRunIds: readonly string[];
  /** The one that began first. */
  readonly currentRunId?: string;
  /** The newest rows first, at most ten: enough for a follower that asks once a second. */
  readonly lastRows: readonly RunRow[];
}
