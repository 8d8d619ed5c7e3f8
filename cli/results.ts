/** Reads results for commands: from the store of this installation, else through a worker beside the one elsewhere. */

import pLimit from "p-limit";
import { note } from "#cli/output";
import { askResultsElsewhere } from "#cli/remote-reading";
import { InputError, UnavailableError } from "#model/errors";
import { isSweepId } from "#model/ids";
import type { MeasuredNight } from "#model/nightly-history";
import type { AnswerTo, ResultsQuestion, SweepOverview, SweepRows } from "#model/results-question";
import type { RunEvidence } from "#model/run";
import type { RunNote } from "#model/run-notes";
import { areResultsElsewhere, askResultsHere, findResultsStore } from "#worker/results";

/** One page or two each, by a workflow of its own where they are elsewhere. */
const EVIDENCE_CONCURRENCY = 8;

export interface SweepResults extends SweepRows {
  readonly evidence: readonly RunEvidence[];
  readonly notes: readonly RunNote[];
}

type OnNoStore = (why: UnavailableError) => void;

/**
 * Newest first.
 * @param onNoStore - Hears why where results may be elsewhere, and cannot be read; a note unless given.
 */
export async function listSweeps(
  onNoStore: OnNoStore = ({ message }) => note(`nothing is kept here, and ${message}`),
): Promise<readonly SweepOverview[]> {
  return (await ask({ about: "sweeps" }, onNoStore)) ?? [];
}

/** Of all nightlies, by nightly, then by date. */
export async function listNights(
  onNoStore: OnNoStore = ({ message }) => note(`nothing is kept here, and ${message}`),
): Promise<readonly MeasuredNight[]> {
  return (await ask({ about: "nights" }, onNoStore)) ?? [];
}

/** @returns `undefined` where the store knows no such sweep, or this machine knows of no store. */
export async function findSweepRows(sweepId: string): Promise<SweepRows | undefined> {
  return (await ask({ about: "sweep", sweepId })) ?? undefined;
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
  const slots = pLimit(EVIDENCE_CONCURRENCY);
  const evidence = await Promise.all(rows.map(({ run_id: runId }) => slots(() => ask({ about: "evidence", runId }))));
  return {
    sweep,
    rows,
    evidence: evidence.filter((one) => one !== null && one !== undefined),
    notes: await listNotes(sweepId),
  };
}

/** What has to be said beside a sweep's rows, in their order. */
export async function listNotes(sweepId: string): Promise<readonly RunNote[]> {
  return (await ask({ about: "notes", sweepId })) ?? [];
}

/** Results that could not be read at the end of a sweep are better refused before. @throws {InputError} */
export const requireReadableResults = (): void => findResultsStore()?.close();

/** @throws {InputError} Where the text cannot name one sweep. */
export function requireSweepId(text: string): void {
  if (isSweepId(text)) return;
  const rule = "must be the id of one sweep: lower-case letters, digits and hyphens";
  throw new InputError([{ field: "ID", value: text, rule, hint: "meshbench list shows all sweeps" }]);
}

export const noSuchSweep = (sweepId: string): InputError =>
  new InputError([{ field: "ID", value: sweepId, rule: "no such sweep", hint: "meshbench list shows all sweeps" }]);

/**
 * @param onNoStore - Hears why nobody elsewhere could be asked, on a machine of which nobody said that results are elsewhere.
 * @returns `undefined` then: as far as this machine knows nothing was ever measured.
 * @throws {UnavailableError} Where results are elsewhere, and cannot be read now.
 */
async function ask<Question extends ResultsQuestion>(
  question: Question,
  onNoStore: OnNoStore = () => {},
): Promise<AnswerTo<Question> | undefined> {
  const answer = await askResultsHere(question);
  if (answer !== undefined) return answer;
  try {
    return await askResultsElsewhere(question);
  } catch (error) {
    if (!(error instanceof UnavailableError) || areResultsElsewhere()) throw error;
    onNoStore(error);
    return undefined;
  }
}
