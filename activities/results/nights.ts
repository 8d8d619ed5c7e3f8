/** The nights of a nightly as the store has them, each beside what its sweep found. */

import type { ResultsStore } from "#activities/results/results-store";
import { measuredNight, type MeasuredNight, type Night } from "#model/nightly-history";
import { confirmationSweepId } from "#model/nightly";
import { armEnvironment, rowsOfArm, type Arm } from "#model/pull-request";
import type { RunRow } from "#model/result-row";
import type { PreparedEnvironment, SweepRecord } from "#model/run";
import type { Spec } from "#model/spec";
import type { SweepPin } from "#model/sweep-pin";

/** By date. A night whose sweep never began has no points. */
export function readNights(store: ResultsStore, nightly: string): MeasuredNight[] {
  return store.listNights(nightly).map((night) => {
    const sweep = store.findSweep(night.sweepId);
    if (sweep === undefined) return unmeasuredNight(night);
    const spec = JSON.parse(sweep.specJson) as Spec;
    return measuredNight(night, { spec, environments: pinnedOf(sweep), rows: store.listRuns(night.sweepId) });
  });
}

const unmeasuredNight = (night: Night): MeasuredNight => ({ ...night, images: {}, setting: {}, points: [] });

function pinnedOf({ pinJson }: SweepRecord): readonly PreparedEnvironment[] {
  return pinJson === undefined ? [] : (JSON.parse(pinJson) as SweepPin).environments;
}

/** The arm's image in each environment, by the name that it has without the arm. */
export function imagesOfArm(sweep: SweepRecord | undefined, arm: Arm["name"]): Record<string, string> {
  const suffix = armEnvironment("", arm);
  const pinned = (sweep === undefined ? [] : pinnedOf(sweep)).filter(({ name }) => name.endsWith(suffix));
  return Object.fromEntries(pinned.map(({ name, imageDigest }) => [name.slice(0, -suffix.length), imageDigest]));
}

/** What these images came to earlier: as the newest of a night, or as the baseline beside one. */
export function readPastOf(
  store: ResultsStore,
  images: Readonly<Record<string, string>>,
  nights: readonly MeasuredNight[],
): { date: string; rows: RunRow[] }[] {
  const isSame = (others: Readonly<Record<string, string>>) =>
    Object.entries(images).every(([environment, image]) => others[environment] === image);
  return nights.flatMap((night) => {
    const again = confirmationSweepId(night.nightly, night.date);
    const asNewest = isSame(night.images) ? store.listRuns(night.sweepId) : [];
    const asBaseline = isSame(imagesOfArm(store.findSweep(again), "base"))
      ? rowsOfArm(store.listRuns(again), "base")
      : [];
    return [{ date: night.date, rows: [...asNewest, ...asBaseline] }];
  });
}
