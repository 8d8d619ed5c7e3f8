import { expect, test } from "vitest";
import type { Release } from "#model/spec";
import { passBarrier, pollMs } from "#node/barrier";
import { nowUs } from "#node/clock";
import type { Coordination } from "#node/coordination";
import { finalise } from "#node/finalise";

/** The master's tables in memory. Its clock is an hour ahead, and says so without delay. */
const MASTER_AHEAD_US = 3_600_000_000;

class FakeMaster {
  readonly present = new Set<number>();
  releases = 0;
  #releasedAtUs: number | null = null;

  coordinationOf(nodeIndex: number): Coordination {
    return {
      enter: async () => void this.present.add(nodeIndex),
      leave: async () => void this.present.delete(nodeIndex),
      presentNodes: async () => [...this.present].toSorted((a, b) => a - b),
      look: async () => {
        const monotonicUs = nowUs();
        const clock = { monotonicUs, databaseUs: monotonicUs + MASTER_AHEAD_US, roundTripUs: 0 };
        return { present: this.present.size, releasedAtUs: this.#releasedAtUs, clock };
      },
      release: async (leadUs) => {
        this.releases++;
        this.#releasedAtUs ??= nowUs() + MASTER_AHEAD_US + leadUs;
      },
    };
  }
}

function enterAs(
  master: FakeMaster,
  nodeIndex: number,
  nodeCount: number,
  release: Release = "agreed",
  { withinSec = 5, onReleased = () => {} } = {},
) {
  const deadlineUs = nowUs() + 1_000_000 * withinSec;
  return passBarrier({ coordination: master.coordinationOf(nodeIndex), nodeCount, release, deadlineUs, onReleased });
}

test("agreed: all nodes start at the one instant, however late they saw it", async () => {
  const master = new FakeMaster();
  const passes = await Promise.all([1, 2, 3].map((index) => enterAs(master, index, 3)));
  const starts = passes.map(({ startUs }) => startUs);
  expect(Math.max(...starts) - Math.min(...starts)).toBeLessThan(1);
  for (const { releasedAtMasterUs, startUs } of passes) {
    expect(releasedAtMasterUs).toBeGreaterThanOrEqual(Math.floor(startUs + MASTER_AHEAD_US));
  }
});

test("agreed: the instant leaves time for everyone's next two polls", async () => {
  const enteredUs = nowUs();
  const { startUs } = await enterAs(new FakeMaster(), 1, 1);
  expect(startUs - enteredUs).toBeGreaterThan(2 * 50_000);
});

test("agreed: the release is told once, and long enough before t0 to be written by then", async () => {
  const toldUs: number[] = [];
  const { startUs } = await enterAs(new FakeMaster(), 1, 1, "agreed", { onReleased: () => toldUs.push(nowUs()) });
  expect(toldUs).toHaveLength(1);
  expect(startUs - toldUs[0]!).toBeGreaterThan(50_000);
});

test("polled: a node starts when it sees the release", async () => {
  const { startUs, releasedAtMasterUs } = await enterAs(new FakeMaster(), 1, 1, "polled");
  expect(startUs).toBeLessThanOrEqual(nowUs());
  expect(releasedAtMasterUs).toBe(Math.round(startUs + MASTER_AHEAD_US));
});

test("a fast node that is already gone strands nobody", async () => {
  const master = new FakeMaster();
  const slow = enterAs(master, 2, 2, "polled");
  await enterAs(master, 1, 2, "polled");
  await master.coordinationOf(1).leave();
  await expect(slow).resolves.toMatchObject({ polls: expect.any(Number) });
});

test("at the deadline a node names those that are missing", async () => {
  const master = new FakeMaster();
  await master.coordinationOf(4).enter();
  await expect(enterAs(master, 2, 4, "agreed", { withinSec: 0.05 })).rejects.toMatchObject({
    kind: "barrier",
    message: "2 of 4 nodes arrived, nodes 1, 3 are missing",
  });
});

test("polls come faster the fewer are missing", () => {
  const polls = [1, 8, 14].map((present) => pollMs("polled", 15, { present }));
  expect(polls).toEqual([...polls].toSorted((a, b) => b - a));
  expect(pollMs("polled", 15, { present: 15 })).toBe(2);
  expect(pollMs("agreed", 15, { present: 15 })).toBe(10);
});

test("finalise ends when the last node has left", async () => {
  const master = new FakeMaster();
  for (const index of [1, 2]) await master.coordinationOf(index).enter();
  let isOver = false;
  const first = finalise(master.coordinationOf(1), 2).then(() => (isOver = true));
  await Promise.resolve();
  expect(isOver).toBe(false);
  await finalise(master.coordinationOf(2), 2);
  await first;
  expect(master.present.size).toBe(0);
});
