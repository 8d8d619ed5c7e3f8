/** What is printed when a sweep has ended, and the exit code that follows from it. */

import { printData } from "#cli/output";
import { readSweepRows } from "#cli/results";
import { EXIT } from "#model/errors";
import type { RunRow, SweepDocument } from "#model/result-row";
import type { Spec } from "#model/spec";
import { summarisePoints } from "#model/point-summary";
import { findThresholdMisses } from "#model/thresholds";
import { formatSweepTable } from "#report/terminal-table";

/** Prints the rows so far: a table per point, or the document that scripts read. */
export async function printSweep(sweepId: string, asJson: boolean): Promise<void> {
  const { sweep, rows } = await readSweepRows(sweepId);
  const document: SweepDocument = { sweep_id: sweepId, status: sweep.status, runs: rows };
  printData(asJson, document, formatSweepTable(rows));
}

/** 0 when every repetition has a proven run and all thresholds hold; see `EXIT`. */
export async function endedExitCode(sweepId: string): Promise<number> {
  const { sweep, rows } = await readSweepRows(sweepId);
  if (sweep.status === "CANCELLED" || countProven(rows) < sweep.runsPlanned) return EXIT.someRunsFailed;
  const { thresholds } = JSON.parse(sweep.specJson) as Spec;
  return findThresholdMisses(thresholds, summarisePoints(rows)).length > 0 ? EXIT.thresholdMissed : EXIT.ok;
}

/** VALID and SUSPECT runs are proven; a repetition has one of them at most. */
const countProven = (rows: readonly RunRow[]): number =>
  rows.filter(({ status }) => status === "VALID" || status === "SUSPECT").length;
