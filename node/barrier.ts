/** Sync barrier: nobody starts before all are there, and with `agreed` all start at one instant of the master's clock. */

import { setTimeout as delay } from "node:timers/promises";
import { BenchError } from "#model/errors";
import type { Release } from "#model/spec";
import { nowUs, sleepUntil } from "#node/clock";
import type { Coordination, CoordinationView } from "#node/coordination";
import { DatabaseClock } from "#node/database-clock";
import { orAtDeadline } from "#node/retry";

/** With one node missing of N polls come every 50/N ms, with many missing every 50: the last arrival is seen soon. */
const SLOWEST_POLL_MS = 50;
/** An agreed instant needs no haste; the plain release has its skew from the poll. */
const FASTEST_POLL_MS: Record<Release, number> = { agreed: 10, polled: 2 };
/** So much later than two polls lies the agreed instant, beside what round trips vary. */
const LEAD_MARGIN_MS = 20;
/** For the last questions to a master that answers slowly, before it counts as silent. */
const GRACE_US = 3_000_000;

export interface BarrierInput {
  readonly coordination: Coordination;
  readonly nodeCount: number;
  readonly release: Release;
  /** On the node's clock. */
  readonly deadlineUs: number;
  /** Called once this node sees the release: `agreed`, that is a while before t0. */
  readonly onReleased: () => void;
}

export interface BarrierPass {
  /** t0 on the node's clock: the agreed instant, or when this node left. */
  readonly startUs: number;
  /** When this node really left, on the master's clock. */
  readonly releasedAtMasterUs: number;
  readonly releaseClockErrorUs: number;
  readonly polls: number;
}

/**
 * Enters the own row and returns when the barrier is open.
 * @throws {BenchError} `barrier` at the deadline, with the nodes that are missing.
 */
export function passBarrier(input: BarrierInput): Promise<BarrierPass> {
  return orAtDeadline(input.deadlineUs + GRACE_US, waitForRelease(input), () => {
    throw new BenchError("barrier", "the master's database stopped answering");
  });
}

async function waitForRelease(input: BarrierInput): Promise<BarrierPass> {
  const { coordination, nodeCount, release, deadlineUs, onReleased } = input;
  await coordination.enter();
  let view = await coordination.look();
  let polls = 1;
  const clock = new DatabaseClock(view.clock);
  while (view.releasedAtUs === null) {
    if (nowUs() > deadlineUs) throw await missingNodes(coordination, nodeCount);
    if (view.present >= nodeCount) await coordination.release(leadUs(release, clock));
    else await delay(pollMs(release, nodeCount, view));
    view = await coordination.look();
    polls++;
    clock.add(view.clock);
  }
  onReleased();
  const agreedUs = clock.toMonotonicUs(view.releasedAtUs);
  if (release === "agreed") await sleepUntil(agreedUs);
  const leftUs = nowUs();
  return {
    startUs: release === "agreed" ? agreedUs : leftUs,
    releasedAtMasterUs: Math.round(clock.toDatabaseUs(leftUs)),
    releaseClockErrorUs: Math.round(clock.errorUs),
    polls,
  };
}

export function pollMs(release: Release, nodeCount: number, { present }: Pick<CoordinationView, "present">): number {
  const missing = nodeCount - present;
  return Math.max(FASTEST_POLL_MS[release], (SLOWEST_POLL_MS * missing) / nodeCount);
}

/** Everyone has to see the release before its instant: whoever saw many missing looks again only after the slowest poll. */
function leadUs(release: Release, clock: DatabaseClock): number {
  return release === "polled" ? 0 : 1000 * (2 * SLOWEST_POLL_MS + LEAD_MARGIN_MS) + 2 * clock.spreadUs;
}

async function missingNodes(coordination: Coordination, nodeCount: number): Promise<BenchError> {
  const present = new Set(await coordination.presentNodes());
  const missing = Array.from({ length: nodeCount }, (_, i) => i + 1).filter((index) => !present.has(index));
  const names = missing.length === 1 ? `node ${missing[0]} is` : `nodes ${missing.join(", ")} are`;
  return new BenchError("barrier", `${present.size} of ${nodeCount} nodes arrived, ${names} missing`);
}
