/** Pausing a sweep and letting it go on: answered at once, told to the hosts' queues and the results store after that. */

import {
  ApplicationFailure,
  CancellationScope,
  condition,
  setHandler,
  upsertSearchAttributes,
} from "@temporalio/workflow";
import { sweepWorkflowId } from "#model/ids";
import { comeBack } from "#workflows/host-lease";
import { pauseSweepUpdate, resumeSweepUpdate } from "#workflows/messages";
import type { SweepInput } from "#workflows/messages";
import { statusAttribute } from "#workflows/search-attributes";
import { temporalActivities } from "#workflows/step-options";
import type { SweepJournal } from "#workflows/sweep-journal";
import { saveSweep } from "#workflows/sweep-record";

export class SweepPause {
  readonly #input: SweepInput;
  readonly #journal: SweepJournal;
  #isOver = false;
  /** One after the other, so that the last word stays. */
  #told: Promise<void> = Promise.resolve();

  constructor(input: SweepInput, journal: SweepJournal) {
    this.#input = input;
    this.#journal = journal;
    const validator = () => this.#requireOpen();
    setHandler(pauseSweepUpdate, () => this.#set(true), { validator });
    setHandler(resumeSweepUpdate, () => this.#set(false), { validator });
  }

  /** @throws {CancelledFailure} When the sweep is cancelled meanwhile. */
  untilGoing(): Promise<void> {
    return this.#journal.isPaused ? condition(() => !this.#journal.isPaused) : Promise.resolve();
  }

  /** Whatever the sweep records of itself as it opens, a change that comes meanwhile is told after it. */
  opening(opened: Promise<void>): Promise<void> {
    this.#told = Promise.allSettled([this.#told, opened]).then(() => undefined);
    return opened;
  }

  /** The sweep is ending: from now on it can neither be paused nor go on. */
  refuseFromNow(): void {
    this.#isOver = true;
  }

  /** Resolves when everyone has heard of the last change. */
  async settled(): Promise<void> {
    let told: Promise<void> | undefined;
    while (told !== this.#told) {
      told = this.#told;
      await told;
    }
  }

  #requireOpen(): void {
    if (this.#isOver) throw ApplicationFailure.nonRetryable("the sweep is being ended", "SweepEnding");
  }

  #set(isPaused: boolean): { runsLeft: number; wasPaused: boolean } {
    const wasPaused = this.#journal.isPaused;
    if (this.#journal.setPaused(isPaused)) {
      this.#told = this.#told.then(() => CancellationScope.nonCancellable(() => this.#tell(isPaused)));
    }
    return { runsLeft: this.#journal.runsLeft, wasPaused };
  }

  async #tell(isPaused: boolean): Promise<void> {
    const owner = sweepWorkflowId(this.#input.sweepId);
    for (const host of this.#journal.hosts) {
      await (isPaused ? temporalActivities.standAside({ host, owner }) : comeBack(host, owner));
    }
    const status = isPaused ? "PAUSED" : "OPEN";
    await saveSweep(this.#input, this.#journal, status);
    upsertSearchAttributes([statusAttribute(status)]);
  }
}
