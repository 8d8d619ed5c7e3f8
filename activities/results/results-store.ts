/** Where results live: one store per installation, written by the activities on the `store` queue alone. */

import type { RunIntent } from "#model/ledger";
import type { Night } from "#model/nightly-history";
import type { RunRow } from "#model/result-row";
import type { RunEvidence, SweepRecord } from "#model/run";
import type { RunNote } from "#model/run-notes";

export interface ResultsStore {
  /** Upserts by sweep id. */
  saveSweep(sweep: SweepRecord): void;
  /** Upserts by run id, so that a repeated activity changes nothing. */
  saveRun(row: RunRow): void;
  /**
   * Writes `evidence.json` and the per-node rows of a run; whole or not at all (temporary file and rename). Its SHA-256 is
   * kept beside, so that nobody changes it unseen.
   * @throws {BenchError} `collect` where there is no space.
   */
  saveEvidence(evidence: RunEvidence): Promise<void>;

  /** Opens the run's entry in the ledger, again with a later deadline where it goes on after an interruption. */
  saveIntent(intent: RunIntent): void;
  /** Nothing of the run is left. */
  closeIntent(runId: string): void;
  /** The oldest first. */
  listOpenIntents(host: string): RunIntent[];

  /** Upserts by nightly and date. */
  saveNight(night: Night): void;
  /** By date. */
  listNights(nightly: string): Night[];
  /** Names of all that ever had a night, also of deleted ones. */
  listNightlies(): string[];

  listSweeps(): SweepRecord[];
  findSweep(sweepId: string): SweepRecord | undefined;
  /** In the order they were measured. */
  listRuns(sweepId: string): RunRow[];
  hasRun(runId: string): boolean;
  /** @returns `undefined` where there is none, or none that is as it was stored. */
  readEvidence(runId: string): Promise<RunEvidence | undefined>;
  /** What has to be said beside the sweep's rows, in their order. Reads all of its evidence. */
  listNotes(sweepId: string): Promise<RunNote[]>;
  close(): void;
}
