/** When a server does what it has to do: nothing while it is down, and nothing that it has forgotten. */

import type { Scheduled, Simulation } from "#test/chaos/fast/simulation";

export class ServerTime {
  readonly #sim: Simulation;
  #generation = 0;
  /** What is due once it is up again. */
  #overdue: (() => unknown)[] | undefined;
  #downSinceMs = 0;

  constructor(sim: Simulation) {
    this.#sim = sim;
  }

  get isUp(): boolean {
    return this.#overdue === undefined;
  }

  /** Another one after everything was lost. */
  get generation(): number {
    return this.#generation;
  }

  at(ms: number, act: () => unknown): Scheduled {
    const generation = this.#generation;
    let isCancelled = false;
    const due = () => {
      if (isCancelled || generation !== this.#generation) return undefined;
      return this.#overdue === undefined ? act() : void this.#overdue.push(due);
    };
    const scheduled = this.#sim.after(ms, due);
    return {
      cancel: () => {
        isCancelled = true;
        scheduled.cancel();
      },
    };
  }

  goDown(): void {
    this.#overdue = [];
    this.#downSinceMs = this.#sim.nowMs;
  }

  /** @returns For how long it was down, in milliseconds. */
  comeUp(): number {
    const overdue = this.#overdue ?? [];
    this.#overdue = undefined;
    for (const act of overdue) this.at(this.#sim.chance(0, 100), act);
    return this.#sim.nowMs - this.#downSinceMs;
  }

  forget(): void {
    this.#generation += 1;
  }
}
