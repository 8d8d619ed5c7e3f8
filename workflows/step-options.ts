/** How long each activity may take, when it counts as lost, and what is tried again. */

import { ActivityCancellationType, proxyActivities } from "@temporalio/workflow";
import type { Duration } from "@temporalio/common";
import type { ActivityInterfaceFor, ActivityOptions } from "@temporalio/workflow";
import type { HostActivities, StoreActivities, TemporalActivities } from "#activities/index";
import { hostQueueName, STORE_QUEUE, WORKFLOW_QUEUE } from "#model/ids";

/** Activities beat every 2 s; a worker that was killed is missed after this, and the step goes on 1 s later. */
const HEARTBEAT_TIMEOUT = "8 seconds";
/** Then a step fails with `no worker`. */
const NO_WORKER_AFTER = "5 minutes";
/** For the activity's own verdict on a deadline to come before Temporal's. */
const DEADLINE_GRACE_MS = 15_000;
/** Room for results, or an engine that comes back, is waited for this long. */
const COLLECT_LIMIT = "10 minutes";
const TEARDOWN_LIMIT = "10 minutes";

/** These are bugs, and come again however often one tries. */
const BUGS = ["TypeError", "RangeError", "ReferenceError", "SyntaxError", "AssertionError", "ZodError", "bug"];

/** Ten attempts last about a minute; restarts of a worker count as well. */
const RETRY = {
  initialInterval: "1 second",
  maximumInterval: "10 seconds",
  maximumAttempts: 10,
  nonRetryableErrorTypes: BUGS,
} as const;
const RETRY_WITHIN_LIMIT = { ...RETRY, maximumAttempts: Infinity };
const RETRY_FOREVER = { initialInterval: "1 second", maximumInterval: "30 seconds" } as const;

/** Without `WAIT_CANCELLATION_COMPLETED` teardown would begin while nodes are still being created. */
const HOST_STEP = {
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
} as const;

type Proxies<Activities> = ActivityInterfaceFor<Activities>;

function hostActivities(host: string, options: ActivityOptions): Proxies<HostActivities> {
  return proxyActivities<HostActivities>({ taskQueue: hostQueueName(host), ...HOST_STEP, ...options });
}

/** @param deadlineMs - Milliseconds since 1970. */
export function phaseActivities(host: string, deadlineMs: number): Proxies<HostActivities> {
  const leftMs = Math.max(0, deadlineMs - Date.now());
  return hostActivities(host, {
    scheduleToStartTimeout: NO_WORKER_AFTER,
    scheduleToCloseTimeout: leftMs + DEADLINE_GRACE_MS,
    retry: RETRY,
  });
}

export const collectActivities = (host: string): Proxies<HostActivities> =>
  hostActivities(host, {
    scheduleToStartTimeout: NO_WORKER_AFTER,
    scheduleToCloseTimeout: COLLECT_LIMIT,
    retry: RETRY_WITHIN_LIMIT,
  });

/** No limit on waiting for a worker: it may be the only one that can remove the nodes. */
export const teardownActivities = (host: string): Proxies<HostActivities> =>
  hostActivities(host, { scheduleToCloseTimeout: TEARDOWN_LIMIT, retry: RETRY_WITHIN_LIMIT });

export const preparationActivities = (host: string): Proxies<HostActivities> =>
  hostActivities(host, {
    scheduleToStartTimeout: NO_WORKER_AFTER,
    scheduleToCloseTimeout: "10 minutes",
    retry: RETRY,
  });

/** Tried until it is done: a host that is not proven clean is not leased. */
export const proofActivities = (host: string): Proxies<HostActivities> =>
  hostActivities(host, { startToCloseTimeout: "2 minutes", retry: RETRY_FOREVER });

/** @param limit - None for rows: a run ends once its row is stored, however long the store is away. */
export const storeActivities = (limit?: Duration): Proxies<StoreActivities> =>
  proxyActivities<StoreActivities>({
    taskQueue: STORE_QUEUE,
    startToCloseTimeout: "1 minute",
    ...(limit === undefined ? {} : { scheduleToCloseTimeout: limit }),
    retry: RETRY_FOREVER,
  });

export const evidenceActivities = (): Proxies<StoreActivities> => storeActivities(COLLECT_LIMIT);

export const temporalActivities: Proxies<TemporalActivities> = proxyActivities<TemporalActivities>({
  taskQueue: WORKFLOW_QUEUE,
  startToCloseTimeout: "1 hour",
  heartbeatTimeout: "30 seconds",
  retry: RETRY_FOREVER,
});
