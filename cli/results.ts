/** Reads results for commands: from the store of this installation. */

import { InputError } from "#model/errors";
import type { RunRow } from "#model/result-row";
import type { RunEvidence, SweepRecord } from "#model/run";
import { openResultsStore } from "#worker/results";

export interface SweepResults {
  readonly sweep: SweepRecord;
  readonly rows: readonly RunRow[];
  readonly evidence: readonly RunEvidence[];
}

/** @throws {InputError} where the store knows no such sweep. */
export async function requireSweep(sweepId: string): Promise<SweepRecord> {
  const store = openResultsStore();
  try {
    const sweep = store.findSweep(sweepId);
    if (sweep) return sweep;
    throw new InputError([
      { field: "ID", value: sweepId, rule: "no such sweep", hint: "meshbench list shows all sweeps" },
    ]);
  } finally {
    store.close();
  }
}

/** The sweep with its rows, in the order they were measured. */
export async function readSweepRows(sweepId: string): Promise<{ sweep: SweepRecord; rows: readonly RunRow[] }> {
  const sweep = await requireSweep(sweepId);
  const store = openResultsStore();
  try {
    return { sweep, rows: store.listRuns(sweepId) };
  } finally {
    store.close();
  }
}

/** All that a report is made of. */
export async function readSweepResults(sweepId: string): Promise<SweepResults> {
  const { sweep, rows } = await readSweepRows(sweepId);
  const store = openResultsStore();
  try {
    const evidence = await Promise.all(rows.map((row) => store.readEvidence(row.run_id)));
    return { sweep, rows, evidence: evidence.filter((one) => one !== undefined) };
  } finally {
    store.close();
  }
}
