/** What is printed when a sweep has ended, and the exit code that follows from it. */

import type { Client } from "@temporalio/client";
import { note, printData } from "#cli/output";
import { findSweepRows, noSuchSweep } from "#cli/results";
import { readSweepFailure } from "#cli/sweep-client";
import type { SweepState } from "#cli/sweep-client";
import { isUnderWay, statusOf } from "#cli/sweep-status";
import { EXIT, UnavailableError } from "#model/errors";
import { summarisePoints } from "#model/point-summary";
import type { RunRow, SweepDocument } from "#model/result-row";
import type { SweepRows } from "#model/results-question";
import type { SweepRecord } from "#model/run";
import type { Spec } from "#model/spec";
import { findThresholdMisses, formatThreshold } from "#model/thresholds";
import type { ThresholdMiss } from "#model/thresholds";
import { formatSweepTable } from "#report/terminal-table";
import { describeObserved } from "#report/verdict";

type EndedState = Exclude<SweepState, "open">;

/**
 * Prints a line per point, or the document that scripts read; what went wrong is noted beside it.
 * @returns 0 when every repetition has a proven run and all thresholds hold; see `EXIT`.
 */
export async function concludeSweep(
  client: Client,
  sweepId: string,
  state: EndedState,
  { json }: { json: boolean },
): Promise<number> {
  const found = await findSweepRows(sweepId);
  if (!found && state === "unknown") throw noSuchSweep(sweepId);
  // Of a sweep that Temporal has forgotten, the store may know how it ended.
  const status = found && state === "unknown" && !isUnderWay(found.sweep.status) ? found.sweep.status : statusOf(state);
  if (status === "FAILED") note(`error: ${await explainFailure(client, sweepId, state)}`);
  if (!found && status === "DONE") throw resultsElsewhere(sweepId);

  const rows = found?.rows ?? [];
  const document: SweepDocument = { sweep_id: sweepId, status, runs: rows };
  printData(json, document, formatSweepTable(rows));
  if (!found) return EXIT.someRunsFailed;
  const misses = findMisses(found);
  for (const miss of misses) note(`threshold missed: ${describeMiss(miss)}`);
  for (const hint of nextCommands(document)) note(hint);
  return exitCodeOf(found, status, misses);
}

async function explainFailure(client: Client, sweepId: string, state: EndedState): Promise<string> {
  if (state === "unknown") return `Temporal has no history of ${sweepId} any more, or this is another Temporal server`;
  const reason = await readSweepFailure(client, sweepId);
  const how = state === "terminated" ? "was terminated" : "broke off";
  return `${sweepId} ${how}${reason && `: ${reason}`}`;
}

const resultsElsewhere = (sweepId: string): UnavailableError =>
  new UnavailableError(
    `${sweepId} has ended, and its results cannot be read from here`,
    "they are where a worker keeps the results of its Temporal namespace: start it there",
  );

const findMisses = ({ sweep, rows }: SweepRows): ThresholdMiss[] =>
  findThresholdMisses((JSON.parse(sweep.specJson) as Spec).thresholds, summarisePoints(rows));

function describeMiss(miss: ThresholdMiss): string {
  const { environment, mode, nodes, rate_per_min: rate } = miss.point.factors;
  return `${formatThreshold(miss.threshold)}: ${describeObserved(miss)} at ${environment} ${mode} N=${nodes} D=${rate}`;
}

function nextCommands({ sweep_id: sweepId, status: ended, runs: rows }: SweepDocument): string[] {
  const odd = rows.find(({ status }) => status === "FAILED" || status === "INVALID");
  return [
    ...(ended === "DONE" ? [] : [`what is left can be measured later: meshbench resume ${sweepId}`]),
    ...(odd ? [`what its nodes said: meshbench logs ${odd.run_id}`] : []),
    ...(rows.length > 0 ? [`plots and tables: npx meshbench report ${sweepId}`] : []),
  ];
}

function exitCodeOf({ sweep, rows }: SweepRows, status: SweepRecord["status"], misses: readonly unknown[]): number {
  if (status !== "DONE" || countProven(rows) < sweep.runsPlanned) return EXIT.someRunsFailed;
  return misses.length > 0 ? EXIT.thresholdMissed : EXIT.ok;
}

/** Repetitions with a VALID or SUSPECT run; a SUSPECT one may have been measured again. */
function countProven(rows: readonly RunRow[]): number {
  const proven = rows.filter(({ status }) => status === "VALID" || status === "SUSPECT").map(({ run_id: id }) => id);
  return new Set(proven.map((id) => id.replace(/-a\d+$/, ""))).size;
}
