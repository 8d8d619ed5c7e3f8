/**
 * What commands ask of the results store, and what it answers: the same words where the store is at hand, and where a
 * worker elsewhere is asked for it.
 */

import type { MeasuredNight } from "#model/nightly-history";
import type { RunRow } from "#model/result-row";
import type { RunEvidence, SweepRecord } from "#model/run";
import type { RunNote } from "#model/run-notes";

export interface SweepRows {
  readonly sweep: SweepRecord;
  /** In the order they were measured. */
  readonly rows: readonly RunRow[];
}

export interface SweepOverview {
  readonly sweep: Pick<SweepRecord, "sweepId" | "name" | "startedAt" | "status" | "runsPlanned">;
  readonly runsRecorded: number;
  readonly runsValid: number;
}

export type ResultsQuestion =
  | { readonly about: "sweeps" }
  | { readonly about: "sweep"; readonly sweepId: string }
  | { readonly about: "evidence"; readonly runId: string }
  | { readonly about: "notes"; readonly sweepId: string }
  | { readonly about: "nights" };

/** By what the question is about; `null` where the store has no such thing. */
export interface ResultsAnswers {
  /** Newest first. */
  readonly sweeps: readonly SweepOverview[];
  readonly sweep: SweepRows | null;
  readonly evidence: RunEvidence | null;
  /** Beside the rows of a sweep, in their order. */
  readonly notes: readonly RunNote[];
  /** By nightly, then by date. */
  readonly nights: readonly MeasuredNight[];
}

export type AnswerTo<Question extends ResultsQuestion> = ResultsAnswers[Question["about"]];

/** A part of an answer that fits into a Temporal payload. */
export interface ResultsPage {
  /** Of the answer as JSON: gzip, base64, under 200 KB. */
  readonly data: string;
  /** How many the answer has. */
  readonly pages: number;
  /** SHA-256 of the whole, hex. Results grow while they are read: pages of two answers do not fit together. */
  readonly digest: string;
}
