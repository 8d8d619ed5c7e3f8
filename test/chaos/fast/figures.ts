/** What a ring of schedules came to, for the closing note and for those who doubt that anything happened. */

import { FAULT_KINDS } from "#test/chaos/fast/schedule";
import type { FaultKind } from "#test/chaos/fast/schedule";
import type { World } from "#test/chaos/fast/world";

export class RingFigures {
  schedules = 0;
  events = 0;
  runs = 0;
  overlaps = 0;
  /** Grants of a host while others waited for it. */
  contested = 0;
  continuedAsNew = 0;
  readonly fired = new Map<FaultKind, number>(FAULT_KINDS.map((kind) => [kind, 0]));
  readonly endings = new Map<string, number>();

  add(world: World): void {
    this.schedules += 1;
    this.events += world.sim.eventsDone;
    this.runs += world.runs.size;
    this.overlaps += world.overlaps.length;
    this.contested += world.oracles.reduce((sum, { contested }) => sum + contested, 0);
    for (const { temporal, store } of world.installations) {
      this.continuedAsNew += temporal.continuedAsNew;
      for (const { status } of store.written) this.endings.set(status, (this.endings.get(status) ?? 0) + 1);
    }
    for (const [kind, times] of world.trouble.fired) this.fired.set(kind, (this.fired.get(kind) ?? 0) + times);
  }

  /** For people. */
  get summary(): string {
    return [
      `${this.schedules} schedules, ${this.events} events, ${this.runs} runs: ${this.overlaps} overlaps`,
      `  hosts given to one of several who waited ${this.contested} times, histories moved ${this.continuedAsNew} times`,
      `  endings: ${count(this.endings)}`,
      `  faults: ${count(this.fired)}`,
    ].join("\n");
  }
}

const count = (counts: ReadonlyMap<string, number>): string =>
  [...counts].map(([what, times]) => `${what} ${times}`).join(", ");
