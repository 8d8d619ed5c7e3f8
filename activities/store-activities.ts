/** The activities beside the results store: the only ones that write it, and those that read it for commands elsewhere. */

import { EvidenceAssembly } from "#activities/evidence";
import { withFailureBoundary } from "#activities/failure-boundary";
import type { StoreActivities } from "#activities/index";
import type { AskRunOutcome } from "#activities/reap-host";
import { answerQuestion } from "#activities/results/answer-question";
import { pageOf } from "#activities/results/results-pages";
import type { ResultsStore } from "#activities/results/results-store";
import { settleLedger } from "#activities/settle-ledger";
import { pastAttemptOf } from "#model/run-row";
import { sealPin } from "#model/sweep-pin";

export interface StoreDependencies {
  readonly store: ResultsStore;
  /** Where parts of evidence wait for each other. */
  readonly incomingDir: string;
  readonly askRunOutcome: AskRunOutcome;
}

export function createStoreActivities({ store, incomingDir, askRunOutcome }: StoreDependencies): StoreActivities {
  const assembly = new EvidenceAssembly(incomingDir);

  return {
    saveSweep: ({ sweep }) => inBoundary(async () => store.saveSweep(sealPin(sweep))),

    readAttempts: ({ sweepId }) =>
      inBoundary(async () => ({ attempts: store.listRuns(sweepId).map((row) => pastAttemptOf(row)) })),

    saveIntent: ({ intent }) => inBoundary(async () => store.saveIntent(intent)),

    closeIntent: ({ runId }) => inBoundary(async () => store.closeIntent(runId)),

    settleLedger: (request) =>
      inBoundary(async () => {
        const settled = await settleLedger({ store, askRunOutcome }, request);
        for (const runId of settled.lostRunIds) await assembly.forget(runId);
        return settled;
      }),

    readResults: ({ question, page }) => inBoundary(async () => pageOf(await answerQuestion(store, question), page)),

    saveRun: ({ row }) =>
      inBoundary(async () => {
        store.saveRun(row);
        await assembly.forget(row.run_id);
      }),

    saveLostRun: ({ row }) =>
      inBoundary(async () => {
        const known = store.listRuns(row.sweep_id).find(({ run_id }) => run_id === row.run_id);
        if (known !== undefined) return { row: known };
        store.saveRun(row);
        await assembly.forget(row.run_id);
        return { row };
      }),

    saveEvidencePart: (input) =>
      inBoundary(async () => {
        const evidence = await assembly.add(input);
        if (evidence === undefined) return;
        await store.saveEvidence(evidence);
        await assembly.forget(input.runId);
      }),
  };
}

const inBoundary = <T>(work: () => Promise<T>): Promise<T> => withFailureBoundary({ step: "collect" }, work);
