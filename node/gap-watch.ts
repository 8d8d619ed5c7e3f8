/** Notices when the whole node stood still: paused, starved or suspended. Late acknowledgements are no gap. */

import { nowUs } from "#node/clock";

/** Half of the shortest gap that an operator may set as a limit. */
const BEAT_MS = 100;

export class GapWatch {
  #lastBeatUs = nowUs();
  #longestUs = 0;
  readonly #timer = setInterval(() => this.#beat(), BEAT_MS);

  stop(): void {
    clearInterval(this.#timer);
    this.#beat();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  /** The timer's longest silence; hardly ever under its period. */
  get longestMs(): number {
    return this.#longestUs / 1000;
  }

  #beat(): void {
    const beatUs = nowUs();
    this.#longestUs = Math.max(this.#longestUs, beatUs - this.#lastBeatUs);
    this.#lastBeatUs = beatUs;
  }
}
