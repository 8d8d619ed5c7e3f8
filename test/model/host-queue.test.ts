import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { advance, holderOf, isIdle, newHostQueue, workflowsToWatch } from "#model/host-queue";
import type { HostQueue, HostQueueEvent, HostRequest } from "#model/host-queue";

/** The n-th second of some day. */
const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

const PROVEN: HostQueueEvent = { type: "proven", left: [] };

function requestOf(holder: string, parts: Partial<HostRequest> = {}): HostQueueEvent {
  return {
    type: "requested",
    owner: holder,
    holder,
    priority: 0,
    arrivedAt: at(0),
    estimatedSec: 10,
    laterSec: 0,
    ...parts,
  };
}

/** @returns Where the queue stands then, and who was told, in order. */
function play(
  events: readonly HostQueueEvent[],
  from = newHostQueue("h", at(0)),
): { queue: HostQueue; told: string[] } {
  const told: string[] = [];
  const queue = events.reduce((before, event, i) => {
    const { queue: after, granted } = advance(before, event, at(i));
    if (granted !== undefined) told.push(granted);
    return after;
  }, from);
  return { queue, told };
}

describe("a host's queue", () => {
  test("leases to nobody before the host is proven clean", () => {
    expect(play([requestOf("a")]).told).toEqual([]);
    expect(play([requestOf("a"), { type: "proven", left: ["container x"] }]).told).toEqual([]);
    expect(play([requestOf("a"), PROVEN]).told).toEqual(["a"]);
  });

  test("leases to the next only after release and another proof", () => {
    const waiting = [PROVEN, requestOf("a"), requestOf("b")];
    expect(play(waiting).told).toEqual(["a"]);
    expect(play([...waiting, { type: "released", holder: "a" }]).told).toEqual(["a"]);
    expect(play([...waiting, { type: "released", holder: "a" }, PROVEN]).told).toEqual(["a", "b"]);
  });

  test("puts greater priority first, equal ones in order of arrival", () => {
    const { queue } = play([
      requestOf("late", { arrivedAt: at(9) }),
      requestOf("early", { arrivedAt: at(1) }),
      requestOf("urgent", { arrivedAt: at(10), priority: 5 }),
    ]);
    expect(queue.line.map(({ owner }) => owner)).toEqual(["urgent", "early", "late"]);
  });

  test("waits for a sweep between two of its runs, and goes on when it leaves", () => {
    const sweepRun = (holder: string) => requestOf(holder, { owner: "sweep" });
    const between = [PROVEN, sweepRun("s1"), requestOf("other", { arrivedAt: at(1) }), released("s1"), PROVEN];
    expect(play(between).told).toEqual(["s1"]);
    expect(play([...between, sweepRun("s2")]).told).toEqual(["s1", "s2"]);
    expect(play([...between, { type: "left", owner: "sweep" }]).told).toEqual(["s1", "other"]);
    expect(play([...between, { type: "ended", workflowIds: ["sweep"] }]).told).toEqual(["s1", "other"]);
  });

  test("gives no rank of before to a sweep that has ended and was begun anew", () => {
    const ofSweep = (holder: string, second: number) => requestOf(holder, { owner: "sweep", arrivedAt: at(second) });
    const other = requestOf("other", { arrivedAt: at(1) });
    expect(play([ofSweep("s1", 0), other, ofSweep("s2", 0), PROVEN]).told).toEqual(["s2"]);
    expect(play([ofSweep("s1", 0), other, ofSweep("s2", 2), PROVEN]).told).toEqual(["other"]);
    expect(play([ofSweep("s2", 2), other, ofSweep("s1", 0), PROVEN]).told).toEqual(["other"]);
  });

  test("drains when its holder has ended without a word", () => {
    const { queue } = play([PROVEN, requestOf("a"), { type: "ended", workflowIds: ["a"] }]);
    expect(queue.now.state).toBe("draining");
    expect(workflowsToWatch(queue)).toEqual([]);
  });

  test("tells a holder that asks again, and nobody else", () => {
    expect(play([PROVEN, requestOf("a"), requestOf("b"), requestOf("a"), requestOf("b")]).told).toEqual(["a", "a"]);
  });

  test("remembers kept runs until the host is clean", () => {
    const kept = play([PROVEN, requestOf("a"), { type: "released", holder: "a", keptRunId: "run" }]).queue;
    expect(kept.keptRunIds).toEqual(["run"]);
    expect(play([{ type: "proven", left: ["container x"] }], kept).queue.keptRunIds).toEqual(["run"]);
    expect(play([PROVEN], kept).queue.keptRunIds).toEqual([]);
  });

  test("passes a paused sweep, which has its rank again when it comes back", () => {
    const sweepRun = requestOf("s1", { owner: "sweep", arrivedAt: at(0) });
    const paused: HostQueueEvent = { type: "stoodAside", owner: "sweep" };
    const back: HostQueueEvent = { type: "cameBack", owner: "sweep" };
    const other = requestOf("other", { arrivedAt: at(1) });
    const third = requestOf("third", { arrivedAt: at(2) });
    expect(play([paused, sweepRun, PROVEN]).told).toEqual([]);
    expect(play([paused, sweepRun, PROVEN, back]).told).toEqual(["s1"]);
    const passed = [sweepRun, other, third, paused, PROVEN];
    expect(play(passed).told).toEqual(["other"]);
    expect(play([...passed, back, released("other"), PROVEN]).told).toEqual(["other", "s1"]);
  });

  test("stays while anybody is paused, and forgets one that has ended", () => {
    const { queue } = play([{ type: "stoodAside", owner: "sweep" }, PROVEN]);
    expect(isIdle(queue)).toBe(false);
    expect(workflowsToWatch(queue)).toEqual(["sweep"]);
    expect(isIdle(play([{ type: "ended", workflowIds: ["sweep"] }], queue).queue)).toBe(true);
    expect(isIdle(play([{ type: "left", owner: "sweep" }], queue).queue)).toBe(true);
  });

  test("goes to the interrupted run whose nodes occupy the host, whoever is first", () => {
    const line = [requestOf("first"), requestOf("interrupted", { arrivedAt: at(1) })];
    const occupied: HostQueueEvent = { type: "proven", left: [], occupant: "interrupted" };
    expect(play([...line, occupied]).told).toEqual(["interrupted"]);
    expect(play([...line, { ...occupied, left: ["container x"] }]).told).toEqual([]);
    const gone = play([...line, released("interrupted"), occupied]);
    expect(gone.told).toEqual([]);
    expect(gone.queue.now.state).toBe("draining");
  });

  test("ignores a release by one who holds nothing", () => {
    const { queue } = play([PROVEN, requestOf("a"), released("b")]);
    expect(holderOf(queue)).toBe("a");
  });
});

function released(holder: string): HostQueueEvent {
  return { type: "released", holder };
}

/** r1 and r2 are runs of one sweep, the others queue for themselves. */
const ownerOf = (holder: string) => (holder === "r1" || holder === "r2" ? "sweep" : holder);

const runs = fc.constantFrom("r1", "r2", "r3", "r4", "r5");
const requests = fc
  .record({ holder: runs, priority: fc.integer({ min: 0, max: 2 }), second: fc.nat(5) })
  .map(({ holder, priority, second }) =>
    requestOf(holder, { owner: ownerOf(holder), priority, arrivedAt: at(second) }),
  );
const events: fc.Arbitrary<HostQueueEvent> = fc.oneof(
  { weight: 3, arbitrary: requests },
  { weight: 2, arbitrary: runs.map(released) },
  { weight: 1, arbitrary: fc.constant<HostQueueEvent>({ type: "left", owner: "sweep" }) },
  { weight: 1, arbitrary: runs.map((id) => ({ type: "ended", workflowIds: [id] }) as const) },
  { weight: 1, arbitrary: runs.map((id) => ({ type: "stoodAside", owner: ownerOf(id) }) as const) },
  { weight: 1, arbitrary: runs.map((id) => ({ type: "cameBack", owner: ownerOf(id) }) as const) },
  { weight: 3, arbitrary: fc.constantFrom<HostQueueEvent>(PROVEN, { type: "proven", left: ["container"] }) },
  { weight: 1, arbitrary: runs.map((occupant) => ({ type: "proven", left: [], occupant }) as const) },
);

/** @returns The shortest history found for which the promise does not hold, or `null`. */
function counterexample(promise: (history: HostQueueEvent[]) => boolean): unknown {
  return fc.check(fc.property(fc.array(events, { maxLength: 60 }), promise)).counterexample;
}

/** Lets everyone measure who is in line, and closes gaps as ended sweeps do. */
function serveAll(queue: HostQueue): string[] {
  const served: string[] = [];
  const back = queue.aside.map((owner) => ({ type: "cameBack", owner }) as const);
  const { queue: all, told: first } = play(back, queue);
  served.push(...first);
  for (let rest = all; !isIdle(rest);) {
    const holder = holderOf(rest);
    const steps: HostQueueEvent[] = holder === undefined ? [] : [released(holder)];
    if (rest.now.state === "free" && rest.line[0]) steps.push({ type: "left", owner: rest.line[0].owner });
    const { queue: next, told } = play([...steps, PROVEN], rest);
    served.push(...told);
    rest = next;
  }
  return served;
}

describe("in any order of events", () => {
  test("a lease begins with a proof and never passes to another directly", () => {
    const found = counterexample((history) => {
      let queue = newHostQueue("h", at(0));
      let isProven = false;
      return history.every((event, i) => {
        const before = holderOf(queue);
        queue = advance(queue, event, at(i)).queue;
        const after = holderOf(queue);
        isProven ||= event.type === "proven" && event.left.length === 0;
        if (before === after) return true;
        const isRightful = before === undefined ? isProven : after === undefined;
        if (before !== undefined) isProven = false;
        return isRightful;
      });
    });
    expect(found).toBeNull();
  });

  test("nobody waits at the head of a free host's line", () => {
    const found = counterexample((history) => {
      const { now, line, aside } = play(history).queue;
      const first = line.find(({ owner }) => !aside.includes(owner));
      return now.state !== "free" || first?.wanted === undefined;
    });
    expect(found).toBeNull();
  });

  test("whoever waits is served in the end, in the line's order", () => {
    const found = counterexample((history) => {
      const { queue } = play(history);
      const waiting = queue.line.flatMap(({ wanted }) => (wanted === undefined ? [] : [wanted.holder]));
      return waiting.join() === serveAll(queue).join();
    });
    expect(found).toBeNull();
  });

  test("the line is ordered by priority, then arrival, and nobody stands in it twice", () => {
    const found = counterexample((history) => {
      const { line } = play(history).queue;
      const ranks = line.map(({ priority, arrivedAt, ticket }) => [9 - priority, arrivedAt, 1000 + ticket].join());
      return ranks.join() === ranks.toSorted().join() && new Set(line.map(({ owner }) => owner)).size === line.length;
    });
    expect(found).toBeNull();
  });

  test("nobody gets the host from aside, unless its own nodes occupy it", () => {
    const found = counterexample((history) => {
      let queue = newHostQueue("h", at(0));
      return history.every((event, i) => {
        const before = queue;
        queue = advance(queue, event, at(i)).queue;
        const holder = holderOf(queue);
        if (holder === undefined || holder === holderOf(before)) return true;
        const isOccupant = event.type === "proven" && event.occupant === holder;
        return isOccupant || !queue.aside.includes(ownerOf(holder));
      });
    });
    expect(found).toBeNull();
  });

  test("everyone in line, the paused and the holder are watched", () => {
    const found = counterexample((history) => {
      const { queue } = play(history);
      const watched = new Set(workflowsToWatch(queue));
      const concerned = [
        ...queue.aside,
        holderOf(queue),
        ...queue.line.flatMap(({ owner, wanted }) => [owner, wanted?.holder]),
      ];
      return concerned.every((id) => id === undefined || watched.has(id));
    });
    expect(found).toBeNull();
  });
});
