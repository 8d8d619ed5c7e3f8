/** What can be asked of running workflows. The wire name is the constant's without its suffix. */

import { defineQuery } from "@temporalio/workflow";
import type { RunRow } from "#model/result-row";
import type { Step } from "#model/run";

export interface SweepProgress {
  readonly sweepId: string;
  readonly runsPlanned: number;
  /** Planned runs whose last attempt has ended. */
  readonly runsDone: number;
  readonly statusCounts: Readonly<Record<string, number>>;
  /** The run under way, if any: its workflow is `run-<runId>`. */
  readonly currentRunId?: string;
  /** The newest rows first, at most ten: enough for a follower that asks once a second. */
  readonly lastRows: readonly RunRow[];
}

export interface RunProgress {
  readonly runId: string;
  readonly step: Step | "queued" | "recorded";
  /** UTC, ISO 8601. */
  readonly stepStartedAt: string;
}

export const getSweepProgressQuery = defineQuery<SweepProgress>("getSweepProgress");
export const getRunProgressQuery = defineQuery<RunProgress>("getRunProgress");
