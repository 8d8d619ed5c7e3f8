/** Answers what commands ask of the results store. */

import { readNights } from "#activities/results/nights";
import type { ResultsStore } from "#activities/results/results-store";
import { countedRuns } from "#model/point-summary";
import type { AnswerTo, ResultsAnswers, ResultsQuestion, SweepOverview } from "#model/results-question";
import type { SweepRecord } from "#model/run";

type About = ResultsQuestion["about"];
type Answer<A extends About> = (
  store: ResultsStore,
  question: Extract<ResultsQuestion, { about: A }>,
) => ResultsAnswers[A] | Promise<ResultsAnswers[A]>;

const ANSWERS: { readonly [A in About]: Answer<A> } = {
  sweeps: (store) =>
    store
      .listSweeps()
      .map((sweep) => overviewOf(store, sweep))
      .toReversed(),
  sweep: (store, { sweepId }) => {
    const sweep = store.findSweep(sweepId);
    return sweep === undefined ? null : { sweep, rows: store.listRuns(sweepId) };
  },
  nights: (store) => store.listNightlies().flatMap((nightly) => readNights(store, nightly)),
  notes: (store, { sweepId }) => store.listNotes(sweepId),
  evidence: async (store, { runId }) => (await store.readEvidence(runId)) ?? null,
};

export async function answerQuestion<Question extends ResultsQuestion>(
  store: ResultsStore,
  question: Question,
): Promise<AnswerTo<Question>> {
  const answer = ANSWERS[question.about] as Answer<About>;
  return (await answer(store, question)) as AnswerTo<Question>;
}

function overviewOf(
  store: ResultsStore,
  { sweepId, name, startedAt, status, runsPlanned }: SweepRecord,
): SweepOverview {
  const rows = store.listRuns(sweepId);
  return {
    sweep: { sweepId, name, startedAt, status, runsPlanned },
    runsRecorded: rows.length,
    runsValid: countedRuns(rows).length,
  };
}
