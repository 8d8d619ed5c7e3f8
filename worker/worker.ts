/** The worker process: polls for workflows, for the activities of its hosts, and for those of the results store it has. */

import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { DefaultLogger, makeTelemetryFilterString, NativeConnection, Runtime, Worker } from "@temporalio/worker";
import type { LogEntry, WorkerOptions } from "@temporalio/worker";
import type {
  GithubActivities,
  HostActivities,
  NightActivities,
  StoreActivities,
  TemporalActivities,
} from "#activities/index";
import { GITHUB_QUEUE, hostQueueName, STORE_QUEUE, WORKFLOW_QUEUE } from "#model/ids";
import { maskSecrets } from "#model/mask-secrets";
import type { TemporalSettings } from "#worker/temporal-connection";

const WORKFLOWS_PATH = fileURLToPath(new URL("../workflows/index.ts", import.meta.url));

/**
 * On SIGTERM running activities get a moment to end, are then cancelled and tried again by the next worker: the nodes go
 * on without one. Progress reaches followers each second, where the SDK would hold heartbeats back for longer.
 */
const SHARED_OPTIONS = {
  shutdownGraceTime: "2 seconds",
  shutdownForceTime: "20 seconds",
  maxHeartbeatThrottleInterval: "1 second",
  defaultHeartbeatThrottleInterval: "1 second",
} as const satisfies Partial<WorkerOptions>;

/** The SDK's core hands its lines over, instead of writing them itself. */
const LOG_BY_LINE = { filter: makeTelemetryFilterString({ core: "WARN" }), forward: {} } as const;

/** What the SDK warns of although it is as it should be: hosts run no workflows, and cancelled waiting is over. */
const EXPECTED_WARNINGS = ["No workflows registered", "Activity not found on completion"];

function logLine({ level, message, meta, timestampNanos }: LogEntry): void {
  if (EXPECTED_WARNINGS.some((expected) => message.startsWith(expected))) return;
  const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
  const details = meta === undefined ? "" : ` ${inspect(meta, { breakLength: Infinity, depth: 4 })}`;
  process.stderr.write(maskSecrets(`${time} ${level} ${message}${details}\n`));
}

export interface ServedActivities {
  readonly hosts: ReadonlyMap<string, HostActivities>;
  /** Where the results store is here. */
  readonly store?: { readonly activities: StoreActivities & NightActivities; readonly identity: string };
  readonly temporal: TemporalActivities;
  /** Where the GitHub App's key is here. */
  readonly github?: GithubActivities;
}

interface Serving {
  /** Called once all queues are about to be polled. */
  readonly onReady: () => void;
  /** Ends the serving when it resolves, as a signal does. */
  readonly until: Promise<unknown>;
}

/** Serves until SIGINT or SIGTERM, or until it is told. */
export async function serve(
  settings: TemporalSettings,
  { hosts, store, temporal, github }: ServedActivities,
  { onReady, until }: Serving,
): Promise<void> {
  Runtime.install({ logger: new DefaultLogger("WARN", logLine), telemetryOptions: { logging: LOG_BY_LINE } });
  const connection = await NativeConnection.connect(settings.connectionOptions);
  const shared = { ...SHARED_OPTIONS, connection, namespace: settings.namespace };
  try {
    const workers = await Promise.all([
      Worker.create({
        ...shared,
        taskQueue: WORKFLOW_QUEUE,
        workflowsPath: WORKFLOWS_PATH,
        activities: { ...temporal },
        maxCachedWorkflows: 100,
        // A dead worker's sticky queue is given up after this; the default of 10 s would be half of a recovery.
        stickyQueueScheduleToStartTimeout: "2 seconds",
      }),
      ...(store === undefined
        ? []
        : [
            Worker.create({
              ...shared,
              taskQueue: STORE_QUEUE,
              identity: store.identity,
              activities: { ...store.activities },
              maxConcurrentActivityTaskExecutions: 4,
            }),
          ]),
      ...(github === undefined
        ? []
        : [Worker.create({ ...shared, taskQueue: GITHUB_QUEUE, activities: { ...github } })]),
      ...[...hosts].map(([host, activities]) =>
        Worker.create({
          ...shared,
          taskQueue: hostQueueName(host),
          activities: { ...activities },
          // One run at a time has a host; the rest is for readers of logs and evidence, and for image builds that wait
          // until the run is over: never so many that the run finds no place.
          maxConcurrentActivityTaskExecutions: 100,
        }),
      ),
    ]);
    onReady();
    void until.then(() => shutDown(workers));
    await runTogether(workers);
  } finally {
    await connection.close();
  }
}

/** Where one ends, all end: a process that serves half its queues would hide that. */
async function runTogether(workers: readonly Worker[]): Promise<void> {
  const running = workers.map(async (worker) => {
    try {
      await worker.run();
    } finally {
      shutDown(workers);
    }
  });
  const failure = (await Promise.allSettled(running)).find((one) => one.status === "rejected");
  if (failure) throw failure.reason;
}

function shutDown(workers: readonly Worker[]): void {
  for (const worker of workers) if (worker.getState() === "RUNNING") worker.shutdown();
}
