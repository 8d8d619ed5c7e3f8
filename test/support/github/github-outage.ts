/** GitHub's limits as its answers state them, on a clock that runs while nothing is under way: half an hour takes a moment. */

import { setImmediate as nextTurn } from "node:timers/promises";
import { vi } from "vitest";

/** While something is computed, too, the clock goes on: short steps keep that short. */
const STEP_MS = 500;

export interface SentRequest {
  readonly atMs: number;
  readonly method: string;
  readonly path: string;
}

/** Requests are stamped when they leave, by the same clock. Its user restores the timers. */
export class OutageClock {
  readonly sent: SentRequest[] = [];
  #underWay = 0;

  constructor() {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
    const send = globalThis.fetch;
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input);
      this.sent.push({ atMs: Date.now(), method: init?.method ?? "GET", path: url.pathname });
      this.#underWay += 1;
      try {
        const answer = await send(input, init);
        await answer.clone().arrayBuffer();
        return answer;
      } finally {
        this.#underWay -= 1;
      }
    });
  }

  [Symbol.dispose](): void {
    vi.restoreAllMocks();
    vi.useRealTimers();
  }

  /** Requests that change something, in the order they left. */
  get writes(): SentRequest[] {
    return this.sent.filter(({ method, path }) => method !== "GET" && !path.startsWith("/app/"));
  }

  /** Time goes on until the work is done, one way or the other. */
  async run<T>(work: Promise<T>): Promise<T> {
    const watch = { isDone: false };
    void Promise.allSettled([work]).then(() => (watch.isDone = true));
    while (!watch.isDone) {
      await nextTurn();
      if (this.#underWay === 0) await vi.advanceTimersByTimeAsync(STEP_MS);
    }
    return work;
  }
}
