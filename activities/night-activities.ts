/** What the nights of nightlies ask of the results store: their records, and what follows from their history. */

import { setImmediate as yieldToOthers } from "node:timers/promises";
import { withFailureBoundary } from "#activities/failure-boundary";
import type { NightActivities } from "#activities/index";
import { imagesOfArm, readNights, readPastOf } from "#activities/results/nights";
import type { ResultsStore } from "#activities/results/results-store";
import { nightSweepId } from "#model/nightly";
import { currentEra, type MeasuredNight, type Night } from "#model/nightly-history";
import {
  calmVerdict,
  doubtsOf,
  isInDoubt,
  settleDoubt,
  undecidedVerdict,
  type NightVerdict,
} from "#model/nightly-verdict";
import { fullNameOf, rowsOfArm } from "#model/pull-request";

export interface NightDependencies {
  readonly store: ResultsStore;
  /** Commit of the installed version, or "". */
  readonly readSourceSha: () => Promise<string>;
}

export function createNightActivities({ store, readSourceSha }: NightDependencies): NightActivities {
  return {
    openNight: ({ nightly, date, commit }) =>
      inBoundary(async () => {
        const night = { ...(findNight(store, nightly, date) ?? newNight(nightly, date)), status: "OPEN" } as const;
        const sourceSha = commit?.sha ?? (await readSourceSha());
        const repository = commit && fullNameOf(commit.repository);
        store.saveNight({ ...night, sourceSha, ...(repository !== undefined && { repository }) });
        return { sourceSha };
      }),

    failNight: ({ nightly, date, status, reason }) =>
      inBoundary(async () => {
        const known = findNight(store, nightly, date);
        store.saveNight({ ...(known ?? newNight(nightly, date)), status, reason });
      }),

    doubtNight: ({ nightly, date }) =>
      inBoundary(async () => {
        const nights = nightsUpTo(store, nightly.name, date);
        await yieldToOthers();
        const doubt = doubtsOf(nightly, nights);
        if (!isInDoubt(doubt) || doubt.baseline === undefined) {
          closeNight(store, nightly.name, date, calmVerdict(nights));
          return {};
        }
        return { baseline: doubt.baseline, images: nights.at(-1)?.images ?? {} };
      }),

    settleNight: ({ nightly, date, confirmation }) =>
      inBoundary(async () => {
        const nights = nightsUpTo(store, nightly.name, date);
        if (confirmation.failure !== undefined) {
          return closeNight(store, nightly.name, date, undecidedVerdict(nights, confirmation.failure));
        }
        const { sweepId } = confirmation;
        const rows = store.listRuns(sweepId);
        const images = imagesOfArm(store.findSweep(sweepId), "base");
        const [base, head] = [rowsOfArm(rows, "base"), rowsOfArm(rows, "head")];
        const past = readPastOf(store, images, currentEra(nights).nights);
        const settled = settleDoubt(nightly, nights, doubtsOf(nightly, nights), { sweepId, base, head, past });
        closeNight(store, nightly.name, date, settled);
      }),
  };
}

const inBoundary = <T>(work: () => Promise<T>): Promise<T> => withFailureBoundary({ step: "collect" }, work);

const newNight = (nightly: string, date: string): Omit<Night, "status"> => ({
  nightly,
  date,
  sweepId: nightSweepId(nightly, date),
  sourceSha: "",
});

const findNight = (store: ResultsStore, nightly: string, date: string): Night | undefined =>
  store.listNights(nightly).find((night) => night.date === date);

/** The newest without a verdict, so that judging it again finds the same. */
function nightsUpTo(store: ResultsStore, nightly: string, date: string): MeasuredNight[] {
  const nights = readNights(store, nightly).filter((night) => night.date <= date);
  return nights.map((night) => {
    if (night.date !== date) return night;
    const { verdict: _, ...unjudged } = night;
    return unjudged;
  });
}

function closeNight(store: ResultsStore, nightly: string, date: string, verdict: NightVerdict): void {
  const { reason: _, ...night } = findNight(store, nightly, date) ?? { ...newNight(nightly, date), reason: "" };
  store.saveNight({ ...night, status: "DONE", verdict });
}
