/**
 * Whether the nodes' own clocks can be believed, in which every duration is measured.
 *
 * Every node samples the master's clock, in `baseline` as well, before the barrier and after its last acknowledgement. Its
 * drift is how much more time passed on its own CLOCK_MONOTONIC between the two samples than on the master's clock. What
 * counts is how far that lies from the median over all nodes:
 * - One node's bad clock shifts its own drift alone: the median of three or more stays with the good ones.
 * - A bad master shifts all drifts alike, and the median with them. Was its clock set (by NTP), each drift has the same
 *   seconds in it; does it run fast, the same share of the time between the samples, which differs between nodes. So a node
 *   is compared in both, and the smaller difference counts: only its own clock makes both large.
 * - Of two nodes nobody knows whose is wrong: each is held against the other. A single node has nobody to be compared with.
 * - Where the master's own machine runs fast, its monotonic clock does, too: its drift is 0, the others' median is not, and
 *   it is the master that stands apart.
 * - Databases that are not the master have no say: their wall clocks measure nothing.
 * A master's clock that is set while the nodes sample it one after the other looks like two groups of nodes; such a run ends
 * INVALID, and a fresh one takes its place.
 */

import type { ClockSample, NodeResult } from "#model/node-protocol";
import { median } from "#model/statistics";

/** An elapsed time may be off by this share of itself and this much besides. */
const TOLERANCE = { share: 0.002, sec: 0.05 } as const;

export interface ClockDrift {
  /** How much longer the main loop took on the node's clock than it would have on its peers'. */
  readonly driftSec: number;
  /** What is accepted: 0.2 % + 50 ms, and what the samples' round trips cannot tell apart. */
  readonly toleranceSec: number;
}

type Clocked = Pick<NodeResult, "clocksAtRelease" | "clocksAtEnd" | "elapsedSec">;

/**
 * @param masterIndex - From 1.
 * @returns By node, as the results are; `undefined` for one that did not sample the master at both ends: nothing is proven
 *   then.
 */
export function clockDriftsOf(results: readonly Clocked[], masterIndex: number): (ClockDrift | undefined)[] {
  const spans = results.map((result) => spanOf(result, masterIndex));
  return spans.map((span, position) => {
    const elapsedSec = results[position]?.elapsedSec ?? 0;
    return span && driftAmong(span, spans, elapsedSec);
  });
}

/** Between a node's two samples of the master. */
interface Span {
  readonly ownSec: number;
  /** How much less passed on the master's clock. */
  readonly aheadSec: number;
  readonly errorSec: number;
}

function spanOf({ clocksAtRelease, clocksAtEnd }: Clocked, masterIndex: number): Span | undefined {
  const release = clocksAtRelease.find(({ peer }) => peer === masterIndex);
  const end = clocksAtEnd.find(({ peer }) => peer === masterIndex);
  if (release === undefined || end === undefined) return undefined;
  const ownUs = end.monotonicUs - release.monotonicUs;
  return {
    ownSec: ownUs / 1e6,
    aheadSec: (ownUs - (end.databaseUs - release.databaseUs)) / 1e6,
    // Each sample is off by half its round trip at most.
    errorSec: (release.roundTripUs + end.roundTripUs) / 2e6,
  };
}

function driftAmong(span: Span, all: readonly (Span | undefined)[], elapsedSec: number): ClockDrift {
  const known = all.filter((one) => one !== undefined);
  const peers = known.length === 2 ? known.filter((one) => one !== span) : known;
  const inSec = span.aheadSec - median(peers.map(({ aheadSec }) => aheadSec));
  const inShare = shareOf(span) - median(peers.map(shareOf));
  const candidates = [inSec, inShare * elapsedSec];
  return {
    driftSec: candidates.toSorted((a, b) => Math.abs(a) - Math.abs(b))[0] ?? 0,
    toleranceSec:
      elapsedSec * TOLERANCE.share + TOLERANCE.sec + span.errorSec + median(known.map(({ errorSec }) => errorSec)),
  };
}

const shareOf = ({ aheadSec, ownSec }: Span): number => (ownSec === 0 ? 0 : aheadSec / ownSec);

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
