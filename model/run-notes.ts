/** What has to be said beside a run's row, and is none of its figures. */

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
