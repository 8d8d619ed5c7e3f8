/**
 * A world of its own: events in the order of a clock that only they move, and chance from one seed. Two simulations of one
 * seed do the same, to the last event.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import { uniformInt } from "pure-rand/distribution/uniformInt";
import type { RandomGenerator } from "pure-rand/types/RandomGenerator";
import { seededGenerator } from "#model/seeded-generator";

/** The clock that the product's code sees, since its `Date` and `performance` are the simulation's; see `edges.ts`. */
export interface VisibleClock {
  /** Milliseconds since 1970, on the wall clock of whoever is acting. */
  wallMs: number;
  /** Never skewed. */
  monotonicMs: number;
}

export const visibleClock: VisibleClock = { wallMs: 0, monotonicMs: 0 };

/** Where every simulation begins: milliseconds since 1970. */
const EPOCH_MS = Date.UTC(2026, 0, 1);

interface SimulatedEvent {
  readonly atMs: number;
  /** Breaks ties, as chance has it. */
  readonly order: number;
  readonly skewMs: number;
  readonly act: () => unknown;
  isCancelled: boolean;
}

export interface Scheduled {
  cancel(): void;
}

export class Simulation {
  readonly #random: RandomGenerator;
  readonly #heap: SimulatedEvent[] = [];
  readonly #trace: string[] = [];
  #nowMs = EPOCH_MS;
  #eventsDone = 0;

  constructor(seed: number) {
    this.#random = seededGenerator(seed);
  }

  /** Milliseconds since 1970, on the one clock that is right. */
  get nowMs(): number {
    return this.#nowMs;
  }

  get elapsedMs(): number {
    return this.#nowMs - EPOCH_MS;
  }

  get eventsDone(): number {
    return this.#eventsDone;
  }

  /** What happened, a line each, with the second it happened in. */
  get trace(): readonly string[] {
    return this.#trace;
  }

  /** Both ends included. */
  chance(from: number, to: number): number {
    return uniformInt(this.#random, from, to);
  }

  oneIn(n: number): boolean {
    return this.chance(1, n) === 1;
  }

  tell(who: string, what: string): void {
    this.#trace.push(`${((this.#nowMs - EPOCH_MS) / 1000).toFixed(3).padStart(10)} s  ${who.padEnd(14)} ${what}`);
  }

  /**
   * @param act - A promise that it answers is waited for.
   * @param skewMs - How far the wall clock of whoever acts then is off.
   */
  after(ms: number, act: () => unknown, skewMs = 0): Scheduled {
    const atMs = this.#nowMs + Math.max(0, ms);
    const event: SimulatedEvent = { atMs, order: this.chance(0, 2 ** 30), skewMs, act, isCancelled: false };
    push(this.#heap, event);
    return {
      cancel: () => {
        event.isCancelled = true;
      },
    };
  }

  /**
   * Until `isDone`, which is asked after every event, or until the limit.
   * @returns Whether it got there.
   */
  async run(isDone: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.#nowMs + limitMs;
    while (!isDone()) {
      const event = pop(this.#heap);
      if (event === undefined || event.atMs > endMs) return false;
      if (event.isCancelled) continue;
      this.#nowMs = event.atMs;
      this.#eventsDone += 1;
      this.showClock(event.skewMs);
      await event.act();
      // Whatever the event set off has run to its next wait after this.
      await nextTurn();
    }
    return true;
  }

  showClock(skewMs: number): void {
    visibleClock.wallMs = this.#nowMs + skewMs;
    visibleClock.monotonicMs = this.#nowMs - EPOCH_MS;
  }
}

const isBefore = (a: SimulatedEvent, b: SimulatedEvent): boolean =>
  a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs;

/** A binary heap: thousands of schedules have some hundred waiting events each. */
function push(heap: SimulatedEvent[], event: SimulatedEvent): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!isBefore(event, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: SimulatedEvent[]): SimulatedEvent | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    if (left >= heap.length) break;
    const child = left + 1 < heap.length && isBefore(heap[left + 1]!, heap[left]!) ? left + 1 : left;
    if (!isBefore(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
}
