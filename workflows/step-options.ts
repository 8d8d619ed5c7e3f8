/** How long each activity may take, when it counts as lost, and what is tried again. */

import { ActivityCancellationType, proxyActivities } from "@temporalio/workflow";
import type { Duration } from "@temporalio/common";
import type { ActivityInterfaceFor, ActivityOptions } from "@temporalio/workflow";
import type {
  GithubActivities,
  HostActivities,
  NightActivities,
  StoreActivities,
  TemporalActivities,
} from "#activities/index";
import { GITHUB_QUEUE, hostQueueName, STORE_QUEUE, WORKFLOW_QUEUE } from "#model/ids";
import { OUTAGE_SEC } from "#model/plan";
import type { RunSpec, Step } from "#model/run";
import { summariseStep } from "#workflows/step-summary";

/** Activities beat every second or two; a worker that was killed is missed after this, and the step goes on 1 s later. */
const HEARTBEAT_TIMEOUT = "8 seconds";
/** What a run's deadline has room for, each limit below has as well. */
const OUTAGE_MS = OUTAGE_SEC * 1000;
/** Then a step that nobody takes up fails with `no worker`. */
const NO_WORKER_AFTER = OUTAGE_MS;
/** For the activity's own verdict on a deadline to come before Temporal's. */
const DEADLINE_GRACE_MS = 15_000;
/** Room for results, or an engine or worker that comes back, is waited for this long. */
const COLLECT_LIMIT = OUTAGE_MS;
const TEARDOWN_LIMIT = OUTAGE_MS;
const PREPARATION_LIMIT = OUTAGE_MS;
/** The activity itself gives up waiting after an hour; a worker's restart begins that anew. */
const IMAGE_LIMIT = "2 hours";
/** A write takes well under a second; when the worker dies over it, the next attempt starts after this. */
const STORE_STEP_LIMIT = "12 seconds";

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
export function phaseActivities(run: RunSpec, step: Step, deadlineMs: number): Proxies<HostActivities> {
  const leftMs = Math.max(0, deadlineMs - Date.now());
  return hostActivities(run.environment.host, {
    summary: summariseStep(step, run),
    scheduleToStartTimeout: NO_WORKER_AFTER,
    scheduleToCloseTimeout: leftMs + DEADLINE_GRACE_MS,
    retry: RETRY,
  });
}

export const collectActivities = (run: RunSpec): Proxies<HostActivities> =>
  hostActivities(run.environment.host, {
    summary: summariseStep("collect", run),
    scheduleToStartTimeout: NO_WORKER_AFTER,
    scheduleToCloseTimeout: COLLECT_LIMIT,
    retry: RETRY_WITHIN_LIMIT,
  });

/** A worker may come back until the last: it may be the only one that can remove the nodes. Then the host stays unleased. */
export const teardownActivities = (run: RunSpec): Proxies<HostActivities> =>
  hostActivities(run.environment.host, {
    summary: summariseStep("teardown", run),
    scheduleToCloseTimeout: TEARDOWN_LIMIT,
    retry: RETRY_WITHIN_LIMIT,
  });

export const preparationActivities = (host: string): Proxies<HostActivities> =>
  hostActivities(host, {
    scheduleToStartTimeout: NO_WORKER_AFTER,
    scheduleToCloseTimeout: PREPARATION_LIMIT,
    retry: RETRY,
  });

/** A minute or so where the engine has none of the commit's layers; nothing runs of it. It waits for its host's run first. */
export const imageActivities = (host: string): Proxies<Pick<HostActivities, "buildImage">> =>
  hostActivities(host, {
    scheduleToStartTimeout: NO_WORKER_AFTER,
    scheduleToCloseTimeout: IMAGE_LIMIT,
    retry: RETRY,
  });

/** Tried until it is done: a host that is not proven clean is not leased. */
export const proofActivities = (host: string): Proxies<HostActivities> =>
  hostActivities(host, { startToCloseTimeout: "2 minutes", retry: RETRY_FOREVER });

/** Once: the next pass comes soon, and nobody waits for this one. */
export const reaperActivities = (host: string): Proxies<HostActivities> =>
  hostActivities(host, { scheduleToCloseTimeout: "2 minutes", retry: { maximumAttempts: 1 } });

export const ledgerActivities: Proxies<Pick<StoreActivities, "settleLedger">> = proxyActivities<StoreActivities>({
  taskQueue: STORE_QUEUE,
  scheduleToCloseTimeout: "1 minute",
  retry: { maximumAttempts: 1 },
});

/** Before anything is created: without its entry in the ledger a run does not begin. */
export const intentActivities = (run: RunSpec): Proxies<Pick<StoreActivities, "saveIntent">> =>
  proxyActivities<StoreActivities>({
    taskQueue: STORE_QUEUE,
    summary: summariseStep("provision", run),
    startToCloseTimeout: STORE_STEP_LIMIT,
    scheduleToStartTimeout: NO_WORKER_AFTER,
    scheduleToCloseTimeout: COLLECT_LIMIT,
    retry: RETRY_WITHIN_LIMIT,
  });

/** @param limit - None for rows: a run ends once its row is stored, however long the store is away. */
export const storeActivities = (limit?: Duration): Proxies<StoreActivities> =>
  proxyActivities<StoreActivities>({
    taskQueue: STORE_QUEUE,
    startToCloseTimeout: STORE_STEP_LIMIT,
    ...(limit === undefined ? {} : { scheduleToCloseTimeout: limit }),
    retry: RETRY_FOREVER,
  });

/** Somebody waits for the answer at a terminal. */
const READING = {
  startToCloseTimeout: STORE_STEP_LIMIT,
  scheduleToCloseTimeout: "30 seconds",
  retry: { ...RETRY, maximumAttempts: 3 },
} as const;

export const resultsReading: Proxies<Pick<StoreActivities, "readResults">> = proxyActivities<StoreActivities>({
  taskQueue: STORE_QUEUE,
  ...READING,
});

export const logsReading = (host: string): Proxies<Pick<HostActivities, "readNodeLogs">> =>
  hostActivities(host, READING);

export const evidenceActivities = (): Proxies<StoreActivities> => storeActivities(COLLECT_LIMIT);

/** Answered within a second; a worker that died over it is missed soon. */
export const temporalActivities: Proxies<Pick<TemporalActivities, "requestHost" | "standAside" | "openReport">> =
  proxyActivities<TemporalActivities>({
    taskQueue: WORKFLOW_QUEUE,
    startToCloseTimeout: "10 seconds",
    retry: RETRY_FOREVER,
  });

/** Takes as long as what it watches. */
export const watchActivities: Proxies<Pick<TemporalActivities, "watchWorkflows" | "awaitWorkflowsEnded">> =
  proxyActivities<TemporalActivities>({
    taskQueue: WORKFLOW_QUEUE,
    startToCloseTimeout: "1 hour",
    heartbeatTimeout: "15 seconds",
    retry: RETRY_FOREVER,
  });

/** GitHub may be away for hours, or forbid more for one: what is to be said is said late, and once. */
export const githubActivities: Proxies<GithubActivities> = proxyActivities<GithubActivities>({
  taskQueue: GITHUB_QUEUE,
  startToCloseTimeout: "24 hours",
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: "5 seconds", maximumInterval: "2 minutes", nonRetryableErrorTypes: BUGS },
});

/** Of a night, which would be over by the next: GitHub's share of it must not last that long. */
export const nightSourceActivities: Proxies<Pick<GithubActivities, "findNewestCommit" | "fetchSource">> =
  proxyActivities<GithubActivities>({
    taskQueue: GITHUB_QUEUE,
    scheduleToCloseTimeout: "2 hours",
    heartbeatTimeout: HEARTBEAT_TIMEOUT,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: "5 seconds", maximumInterval: "2 minutes", nonRetryableErrorTypes: BUGS },
  });

/** Finding changes in months of nights takes seconds. */
export const nightActivities: Proxies<NightActivities> = proxyActivities<NightActivities>({
  taskQueue: STORE_QUEUE,
  startToCloseTimeout: "2 minutes",
  retry: { ...RETRY_FOREVER, nonRetryableErrorTypes: BUGS },
});
