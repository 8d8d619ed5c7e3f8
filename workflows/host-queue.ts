/** The queue of one physical host, over the state machine in `model/host-queue.ts`. Runs while anybody is in line. */

import {
  CancellationScope,
  condition,
  continueAsNew,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from "@temporalio/workflow";
import { describeHost, prospectsOf, viewOf } from "#model/host-outlook";
import type { Prospect } from "#model/host-outlook";
import { advance, isIdle, newHostQueue, workflowsToWatch } from "#model/host-queue";
import type { HostQueue, HostQueueEvent } from "#model/host-queue";
import { runIdOfWorkflow, runWorkflowId } from "#model/ids";
import {
  comeBackSignal,
  getHostQueueQuery,
  hostGrantedSignal,
  leaveLineSignal,
  releaseHostSignal,
  requestHostSignal,
  standAsideSignal,
} from "#workflows/messages";
import type { HostQueueInput } from "#workflows/messages";
import { failureOf } from "#workflows/run-failure";
import { proofActivities, watchActivities } from "#workflows/step-options";

/** How soon a host that was not clean is looked at again. */
const PROVE_AGAIN_AFTER = "5 seconds";
/** The same while nodes are kept on purpose and nobody waits for the host. */
const PROVE_KEPT_AFTER = "1 minute";

/** Leases the host to one run at a time, and proves it clean before the next. */
export async function hostQueueWorkflow({ host, carried }: HostQueueInput): Promise<void> {
  const desk = new LeaseDesk(carried ?? newHostQueue(host, new Date().toISOString()));
  setHandler(getHostQueueQuery, () => viewOf(desk.queue, new Date().toISOString()));
  setHandler(requestHostSignal, (request) => desk.take({ type: "requested", ...request }));
  setHandler(releaseHostSignal, (message) => desk.take({ type: "released", ...message }));
  setHandler(leaveLineSignal, ({ owner }) => desk.take({ type: "left", owner }));
  setHandler(standAsideSignal, ({ owner }) => desk.take({ type: "stoodAside", owner }));
  setHandler(comeBackSignal, ({ owner }) => desk.take({ type: "cameBack", owner }));

  for (;;) {
    await desk.tellGranted();
    if (isIdle(desk.queue)) return;
    if (workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof hostQueueWorkflow>({ host, carried: desk.queue });
    }
    if (desk.queue.now.state === "draining") await desk.proveClean();
    else await desk.watchUntilChange();
  }
}

class LeaseDesk {
  queue: HostQueue;
  readonly #granted: string[] = [];

  constructor(queue: HostQueue) {
    this.queue = queue;
    this.#show();
  }

  take(event: HostQueueEvent): void {
    const { queue, granted } = advance(this.queue, event, new Date().toISOString());
    this.queue = queue;
    if (granted !== undefined) this.#granted.push(granted);
    this.#show();
  }

  /** Tells every run that got the host. One that is no longer there has ended. */
  async tellGranted(): Promise<void> {
    for (let holder = this.#granted.shift(); holder !== undefined; holder = this.#granted.shift()) {
      try {
        await getExternalWorkflowHandle(holder).signal(hostGrantedSignal);
      } catch (error) {
        if (isCancellation(error)) throw error;
        log.info("the run ended before it got the host", { holder, error });
        this.take({ type: "ended", workflowIds: [holder] });
      }
    }
  }

  async proveClean(): Promise<void> {
    const { keptRunIds } = this.queue;
    const proof = await this.#findLeftovers();
    this.take({ type: "proven", ...proof });
    if (this.queue.now.state !== "draining") return;
    const isWanted = () => this.queue.line.length > 0;
    if (isWanted() || keptRunIds.length === 0) await sleep(PROVE_AGAIN_AFTER);
    else await condition(isWanted, PROVE_KEPT_AFTER);
  }

  /** A proof that fails is none: whoever waits goes on waiting, and sees why. */
  async #findLeftovers(): Promise<{ left: readonly string[]; occupant?: string }> {
    const { host, keptRunIds, line } = this.queue;
    const waitingRunIds = line.flatMap(({ wanted }) => (wanted === undefined ? [] : [runIdOfWorkflow(wanted.holder)]));
    try {
      const proof = { host, keptRunIds: [...keptRunIds], waitingRunIds };
      const { left, occupant } = await proofActivities(host).proveHostClean(proof);
      return occupant === undefined ? { left } : { left, occupant: runWorkflowId(occupant) };
    } catch (error) {
      if (isCancellation(error)) throw error;
      const { kind, message } = failureOf(error, { host }, false);
      return { left: [`not proven clean: ${kind}: ${message}`] };
    }
  }

  /** Returns when a message changed the queue, or when someone ended without one. */
  async watchUntilChange(): Promise<void> {
    const before = this.queue;
    const hasNews = () => this.queue !== before || this.#granted.length > 0;
    await CancellationScope.cancellable(async () => {
      const watch = this.#awaitSomeoneEnded();
      await Promise.race([watch, condition(hasNews)]);
      CancellationScope.current().cancel();
      await watch.catch((error: unknown) => {
        if (!hasNews()) throw error;
      });
    });
  }

  async #awaitSomeoneEnded(): Promise<void> {
    const { ended } = await watchActivities.watchWorkflows({ workflowIds: workflowsToWatch(this.queue) });
    this.take({ type: "ended", workflowIds: ended });
  }

  #show(): void {
    const waiting = prospectsOf(this.queue, new Date().toISOString()).map(describeProspect);
    setCurrentDetails([describeHost(this.queue), ...waiting].join("\n\n"));
  }
}

function describeProspect({ owner, holder, position, waitingFor, estimatedStartAt }: Prospect): string {
  const start = estimatedStartAt === undefined ? "" : `, about ${estimatedStartAt}`;
  return `${position ?? "–"}. ${holder ?? owner}${start}: ${waitingFor}`;
}
