/** What has to be said beside a run's row, and is none of its figures. */

import type { RunGuards } from "#model/guards";
import type { RunRow } from "#model/result-row";

export interface RunNote {
  readonly runId: string;
  /** One sentence, without its full stop. */
  readonly text: string;
}

/** What became of a run's stored evidence. */
export type EvidenceState = "as stored" | "changed" | "missing";

/** @returns `undefined` where there is nothing to say. */
export function evidenceNoteOf(state: EvidenceState): string | undefined {
  if (state === "as stored") return undefined;
  return state === "changed" ? "its evidence was changed since it was stored" : "its evidence is missing";
}

/** The first and the last look are a poll away from the main loop's ends. */
const UNWATCHED_LEAST_SEC = 2;
const UNWATCHED_SHARE = 0.1;

/**
 * The guards see nothing while no worker is there.
 * @returns `undefined` where they saw all, or were not meant to see anything.
 */
export function watchNoteOf({ main_s: mainSec }: RunRow, guards: RunGuards | undefined): string | undefined {
  if (mainSec === null || guards === undefined || typeof guards === "string") return undefined;
  const unwatchedSec = mainSec - guards.sampledSec;
  if (unwatchedSec < UNWATCHED_LEAST_SEC || unwatchedSec < UNWATCHED_SHARE * mainSec) return undefined;
  const [watched, whole] = [guards.sampledSec, mainSec].map((sec) => Math.round(sec));
  return `its host was watched for ${watched} of the main loop's ${whole} s; what others did in the rest is not known`;
}
