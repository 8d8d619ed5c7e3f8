/** A run's side of the host's queue: ask, wait, give back. */

import { condition, getExternalWorkflowHandle, log, setHandler, workflowInfo } from "@temporalio/workflow";
import { hostWorkflowId } from "#model/ids";
import type { HostRequest } from "#model/host-queue";
import { hostGrantedSignal, leaveLineSignal, releaseHostSignal } from "#workflows/messages";
import type { BenchmarkRunInput } from "#workflows/messages";
import { temporalActivities } from "#workflows/step-options";

/** A queue that somebody terminated has forgotten who waits; asking again starts a new one. */
const ASK_AGAIN_AFTER = "10 minutes";

export class HostLease {
  readonly #host: string;
  readonly #request: HostRequest;
  #isGranted = false;

  constructor({ run, place }: BenchmarkRunInput) {
    const { workflowId, startTime } = workflowInfo();
    const ownPlace = { owner: workflowId, priority: 0, arrivedAt: startTime.toISOString() };
    this.#host = run.environment.host;
    this.#request = { ...(place ?? ownPlace), holder: workflowId };
    setHandler(hostGrantedSignal, () => {
      this.#isGranted = true;
    });
  }

  get isGranted(): boolean {
    return this.#isGranted;
  }

  /** Until the host is this run's alone, and proven clean. */
  async take(): Promise<void> {
    while (!this.#isGranted) {
      await temporalActivities.requestHost({ host: this.#host, request: this.#request });
      await condition(() => this.#isGranted, ASK_AGAIN_AFTER);
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
