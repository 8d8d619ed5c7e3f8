/** A run's side of the host's queue: ask, wait, give back. */

import { condition, getExternalWorkflowHandle, log, setHandler, workflowInfo } from "@temporalio/workflow";
import { hostWorkflowId } from "#model/ids";
import type { Prospect } from "#model/host-outlook";
import type { HostRequest } from "#model/host-queue";
import { estimatedSecOf } from "#model/plan";
import { comeBackSignal, hostGrantedSignal, leaveLineSignal, releaseHostSignal } from "#workflows/messages";
import type { BenchmarkRunInput } from "#workflows/messages";
import { temporalActivities } from "#workflows/step-options";

/**
 * A queue that somebody terminated has forgotten who waits; asking again starts a new one, and tells how long it may yet
 * take. Seldom after a while: a run that waits for days must not fill its history with that.
 */
const askAgainAfterMs = (timesAsked: number): number => Math.min(2 ** timesAsked, 10) * 60_000;

export class HostLease {
  readonly #host: string;
  readonly #request: HostRequest;
  #isGranted = false;

  constructor({ run, place }: BenchmarkRunInput) {
    const { workflowId, startTime } = workflowInfo();
    const estimate = { estimatedSec: estimatedSecOf(run.point, run.warmupSec), laterSec: 0 };
    const ownPlace = { owner: workflowId, priority: 0, arrivedAt: startTime.toISOString(), ...estimate };
    this.#host = run.environment.host;
    this.#request = { ...(place ?? ownPlace), holder: workflowId };
    setHandler(hostGrantedSignal, () => {
      this.#isGranted = true;
    });
  }

  get isGranted(): boolean {
    return this.#isGranted;
  }

  /**
   * Until the host is this run's alone, and proven clean.
   * @param onWaiting - Hears now and then how the line looks from here.
   */
  async take(onWaiting: (prospect: Prospect) => void): Promise<void> {
    for (let timesAsked = 0; !this.#isGranted; timesAsked++) {
      const { prospect } = await temporalActivities.requestHost({ host: this.#host, request: this.#request });
      if (prospect !== undefined) onWaiting(prospect);
      await condition(() => this.#isGranted, askAgainAfterMs(timesAsked));
    }
  }

  /** @param keptRunId - Its nodes stay on the host until their deadline. */
  async release(keptRunId?: string): Promise<void> {
    const message = { holder: this.#request.holder, ...(keptRunId === undefined ? {} : { keptRunId }) };
    await tellQueue(this.#host, (queue) => queue.signal(releaseHostSignal, message));
  }
}

export const leaveLine = (host: string, owner: string): Promise<void> =>
  tellQueue(host, (queue) => queue.signal(leaveLineSignal, { owner }));

export const comeBack = (host: string, owner: string): Promise<void> =>
  tellQueue(host, (queue) => queue.signal(comeBackSignal, { owner }));

/** A queue that has ended holds nothing to give back. */
async function tellQueue(
  host: string,
  tell: (queue: ReturnType<typeof getExternalWorkflowHandle>) => Promise<void>,
): Promise<void> {
  try {
    await tell(getExternalWorkflowHandle(hostWorkflowId(host)));
  } catch (error) {
    log.info("the host's queue has ended", { host, error });
  }
}
