/** Whether a node's own clock can be believed: its elapsed time held against the clocks of all databases. */

import type { ClockSample, NodeResult } from "#model/node-protocol";
import { median } from "#model/statistics";

/** An elapsed time may be off by this share of itself and this much besides. */
const TOLERANCE = { share: 0.002, sec: 0.05 } as const;

export interface ClockDrift {
  /** How much longer the main loop took on the node's clock than on the median of the databases' clocks. */
  readonly driftSec: number;
  /** What is accepted: 0.2 % + 50 ms, and what the samples' round trips cannot tell apart. */
  readonly toleranceSec: number;
}

/**
 * The median makes one database with a wrong clock harmless, from three nodes on. Constant offsets cancel out.
 * @returns `undefined` where no database was sampled both at release and at the end: nothing is proven then.
 */
export function clockDriftOf(
  result: Pick<NodeResult, "clocksAtRelease" | "clocksAtEnd" | "elapsedSec">,
): ClockDrift | undefined {
  const pairs = result.clocksAtRelease.flatMap((release) => {
    const end = result.clocksAtEnd.find(({ peer }) => peer === release.peer);
    return end === undefined ? [] : [{ release, end }];
  });
  if (pairs.length === 0) return undefined;
  return {
    driftSec: median(pairs.map(driftOf)) / 1e6,
    toleranceSec: result.elapsedSec * TOLERANCE.share + TOLERANCE.sec + median(pairs.map(errorOf)) / 1e6,
  };
}

interface SamplePair {
  readonly release: ClockSample;
  readonly end: ClockSample;
}

const driftOf = ({ release, end }: SamplePair): number =>
  end.monotonicUs - release.monotonicUs - (end.databaseUs - release.databaseUs);

/** Each sample is off by half its round trip at most. */
const errorOf = ({ release, end }: SamplePair): number => (release.roundTripUs + end.roundTripUs) / 2;

/** How far a database's wall clock stood from the others'. Nothing is measured with it: it is only worth knowing. */
export interface WallClock {
  /** From 1. */
  readonly node: number;
  /** Ahead of the median of all databases that were sampled. */
  readonly offsetMs: number;
  /** How much faster it ran than the sampling node's own clock, in percent. */
  readonly fasterPct: number;
}

/** @param result - Of the master: in `baseline` the others sample two databases only. */
export function wallClocksOf(result: Pick<NodeResult, "clocksAtRelease" | "clocksAtEnd">): WallClock[] {
  if (result.clocksAtRelease.length === 0) return [];
  const middleUs = median(result.clocksAtRelease.map(offsetUs));
  return result.clocksAtRelease.map((release) => {
    const end = result.clocksAtEnd.find(({ peer }) => peer === release.peer) ?? release;
    const passedUs = end.monotonicUs - release.monotonicUs;
    const fasterPct = passedUs === 0 ? 0 : (100 * (end.databaseUs - release.databaseUs)) / passedUs - 100;
    return { node: release.peer, offsetMs: (offsetUs(release) - middleUs) / 1000, fasterPct };
  });
}

const offsetUs = ({ databaseUs, monotonicUs }: ClockSample): number => databaseUs - monotonicUs;
