/** Reads results for commands: from the store of this installation. Makes nothing where nothing was measured yet. */

import { InputError } from "#model/errors";
import type { RunRow } from "#model/result-row";
import type { RunEvidence, SweepRecord } from "#model/run";
import { findResultsStore } from "#worker/results";

type ResultsStore = NonNullable<ReturnType<typeof findResultsStore>>;

export interface SweepRows {
  readonly sweep: SweepRecord;
  /** In the order they were measured. */
  readonly rows: readonly RunRow[];
}

export interface SweepResults extends SweepRows {
  readonly evidence: readonly RunEvidence[];
}

/** Newest first. */
export async function listSweeps(): Promise<SweepRows[]> {
  const sweeps = await withStore((store) => store.listSweeps().map((sweep) => readRows(store, sweep)));
  return (sweeps ?? []).toSorted((a, b) => b.sweep.startedAt.localeCompare(a.sweep.startedAt));
}

/** @returns `undefined` where the store knows no such sweep. */
export function findSweepRows(sweepId: string): Promise<SweepRows | undefined> {
  return withStore((store) => {
    const sweep = store.findSweep(sweepId);
    return sweep && readRows(store, sweep);
  });
}

/** @throws {InputError} where the store knows no such sweep. */
export async function requireSweepRows(sweepId: string): Promise<SweepRows> {
  const found = await findSweepRows(sweepId);
  if (found) return found;
  throw noSuchSweep(sweepId);
}

/**
 * All that a report is made of.
 * @throws {InputError} where the store knows no such sweep.
 */
export async function readSweepResults(sweepId: string): Promise<SweepResults> {
  const { sweep, rows } = await requireSweepRows(sweepId);
  const evidence = await withStore((store) => Promise.all(rows.map((row) => store.readEvidence(row.run_id))));
  return { sweep, rows, evidence: evidence?.filter((one) => one !== undefined) ?? [] };
}

/** @throws {InputError} Where the text cannot name one sweep. */
export function requireSweepId(text: string): void {
  if (/^[a-z0-9][a-z0-9-]{0,80}$/.test(text)) return;
  const rule = "must be the id of one sweep: lower-case letters, digits and hyphens";
  throw new InputError([{ field: "ID", value: text, rule, hint: "meshbench list shows all sweeps" }]);
}

export const noSuchSweep = (sweepId: string): InputError =>
  new InputError([{ field: "ID", value: sweepId, rule: "no such sweep", hint: "meshbench list shows all sweeps" }]);

const readRows = (store: ResultsStore, sweep: SweepRecord): SweepRows => ({
  sweep,
  rows: store.listRuns(sweep.sweepId),
});

async function withStore<Found>(
  read: (store: ResultsStore) => Found | Promise<Found>,
): Promise<Awaited<Found> | undefined> {
  const store = findResultsStore();
  if (store === undefined) return undefined;
  try {
    return await read(store);
  } finally {
    store.close();
  }
}
