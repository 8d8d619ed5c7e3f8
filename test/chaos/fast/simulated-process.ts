/**
 * A worker process, or a command: it may die or stand still at any of its calls. What it runs is the product's code, whose
 * every call of the world outside is an event.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { ProcessIdentity } from "#activities/process-identity";
import type { StepContext } from "#activities/step";
import type { Scheduled, Simulation } from "#test/chaos/fast/simulation";

export type Latency = readonly [fromMs: number, toMs: number];
const A_CALL: Latency = [1, 40];

/** One execution of an activity, or of a command. */
export interface Job {
  readonly process: SimulatedProcess;
  readonly context: StepContext;
}

const currentJob = new AsyncLocalStorage<Job>();

/** @throws Where nothing of the product runs in a process. */
export function jobNow(): Job {
  const job = currentJob.getStore();
  if (job === undefined) throw new Error("no simulated process is acting");
  return job;
}

export class SimulatedProcess {
  readonly name: string;
  readonly sim: Simulation;
  /** Of its wall clock. */
  readonly skewMs: number;
  /** The disk it sees: the machine's. */
  readonly machine: string;
  #generation = 0;
  #isAlive = true;
  #wokeAtMs = -Infinity;
  /** What waits for the process to go on. */
  #held: (() => void)[] | undefined;

  constructor(sim: Simulation, options: { name: string; machine: string; skewMs: number }) {
    this.sim = sim;
    this.name = options.name;
    this.machine = options.machine;
    this.skewMs = options.skewMs;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isStalled(): boolean {
    return this.#held !== undefined;
  }

  get canAct(): boolean {
    return this.#isAlive && !this.isStalled;
  }

  /** Unlike any other process's, and unlike its own before a restart. */
  get identity(): ProcessIdentity & { readonly name: string } {
    return { pid: this.#generation, startTicks: 0, name: this.name };
  }

  kill(): void {
    this.#isAlive = false;
    this.#held = undefined;
    this.#generation += 1;
  }

  start(): void {
    this.#isAlive = true;
  }

  /** As by SIGSTOP. */
  stall(): void {
    this.#held ??= [];
  }

  /** Not long enough ago for a heartbeat to tell it what it missed. */
  get hasJustWoken(): boolean {
    return this.sim.nowMs - this.#wokeAtMs < 3000;
  }

  goOn(): void {
    this.#wokeAtMs = this.sim.nowMs;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const act of held) this.sim.after(this.sim.chance(0, 5), act, this.skewMs);
  }

  /** Runs the product's code in this process. */
  run<T>(context: StepContext, work: () => Promise<T>): Promise<T> {
    return currentJob.run({ process: this, context }, work);
  }

  /**
   * A call of something outside. Its effect may come although its caller is dead or stands still by then: the request was
   * on its way. The answer is heard by the living only.
   */
  call<T>(effect: () => T | Promise<T>, latency: Latency = A_CALL): Promise<T> {
    const generation = this.#generation;
    return new Promise((resolve, reject) => {
      const answer = (done: () => void) => this.#whenGoing(generation, done);
      const isSent = !this.sim.oneIn(2);
      const act = () => {
        if (!isSent && (generation !== this.#generation || this.isStalled)) return answer(act);
        try {
          const result = effect();
          answer(() => resolve(result));
        } catch (error) {
          answer(() => reject(error));
        }
      };
      this.sim.after(this.sim.chance(...latency), act, this.skewMs);
    });
  }

  /** What only the process itself does: nothing of it happens once it is dead. Now and then others act before. */
  async local<T>(effect: () => T): Promise<T> {
    if (this.sim.oneIn(3)) await this.wait(this.sim.chance(0, 10));
    return effect();
  }

  /** @throws The signal's reason, once it aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<void> {
    const generation = this.#generation;
    return new Promise((resolve, reject) => {
      const stop = () => this.#whenGoing(generation, () => reject(abortErrorOf(signal)));
      if (signal?.aborted) return stop();
      signal?.addEventListener("abort", stop, { once: true });
      const end = () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      };
      this.sim.after(ms, () => this.#whenGoing(generation, end), this.skewMs);
    });
  }

  /** Something that happens in the process after so long, unless it is dead by then. */
  timer(ms: number, act: () => void): Scheduled {
    const generation = this.#generation;
    return this.sim.after(ms, () => this.#whenGoing(generation, act), this.skewMs);
  }

  /** Now, or when the process goes on; never once that process is dead. */
  #whenGoing(generation: number, act: () => void): void {
    if (generation !== this.#generation) return;
    if (this.#held !== undefined) this.#held.push(() => this.#whenGoing(generation, act));
    else act();
  }
}

/** As `node:timers/promises` has it. */
function abortErrorOf(signal: AbortSignal | undefined): Error {
  return Object.assign(new Error("The operation was aborted", { cause: signal?.reason }), {
    name: "AbortError",
    code: "ABORT_ERR",
  });
}
