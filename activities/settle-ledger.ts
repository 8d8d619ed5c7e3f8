/** The ledger after a pass of the reaper: what is gone is crossed out, and a run that left no row gets one. */

import type { AskRunOutcome } from "#activities/reap-host";
import type { ResultsStore } from "#activities/results/results-store";
import { rowOfLostRun } from "#model/ledger";
import { judgeIntent } from "#model/reaping";

export interface SettleRequest {
  readonly host: string;
  /** Runs of which something is still there. */
  readonly remainingRunIds: readonly string[];
}

/** @returns Runs that ended without a row, and have one now: `FAILED`, `history lost`. */
export async function settleLedger(
  { store, askRunOutcome }: { readonly store: ResultsStore; readonly askRunOutcome: AskRunOutcome },
  { host, remainingRunIds }: SettleRequest,
  now = new Date(),
): Promise<{ lostRunIds: string[] }> {
  const lostRunIds: string[] = [];
  for (const intent of store.listOpenIntents(host)) {
    const { runId } = intent.run;
    if (remainingRunIds.includes(runId)) continue;
    const outcome = await askRunOutcome(runId);
    // Only now: a run that has ended stored its row before it did, perhaps while it was asked for.
    const hasRow = store.hasRun(runId);
    const verdict = judgeIntent({ deadlineAt: intent.deadlineAt, hasRow }, { now, outcome });
    if (verdict === "wait") continue;
    if (verdict === "lost") {
      store.saveRun(rowOfLostRun(intent));
      lostRunIds.push(runId);
    }
    store.closeIntent(runId);
  }
  return { lostRunIds };
}
