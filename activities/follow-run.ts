/** The main and finalise steps: the nodes go on by themselves, here they are followed. */

import { EvidenceSpool } from "#activities/evidence";
import { providerOf } from "#activities/host-dependencies";
import type { HostDependencies } from "#activities/host-dependencies";
import { NodeWatch } from "#activities/node-watch";
import type { ReportProgress, StepContext } from "#activities/step";
import { sleep } from "#activities/timing";
import { expectedSecOf, tupleCountOf } from "#model/plan";
import type { NodeHandle, Point, RunSpec } from "#model/run";

/** The release is known a moment before t0. */
const LEAD_MS = 1000;
/** Of a loop that takes longer than expected, `observe: off` looks into the databases each so many polls. */
const LATE_LOOK_POLLS = 5;

interface FollowedRun {
  readonly run: RunSpec;
  readonly nodes: readonly NodeHandle[];
}

/** @throws {BenchError} As soon as a node cannot go on: the main loop is never resumed. */
export async function followMainLoop(
  dependencies: HostDependencies,
  followed: FollowedRun,
  context: StepContext,
  report: ReportProgress,
): Promise<void> {
  const { run, nodes } = followed;
  const tuplesExpected = nodes.length * tupleCountOf(run.point);
  const guardWatch = dependencies.guards.watch(new EvidenceSpool(dependencies.spoolDir).guardLogPath(run.runId), nodes);
  try {
    await withWatch(dependencies, { ...followed, isUnderLoad: true }, context.signal, async (watch) => {
      const onLook = () => {
        const tuples = watch.progress.values().reduce((sum, { tuplesLocal }) => sum + tuplesLocal, 0);
        report({ nodesDone: watch.countAtLeast("finalise"), tuples, tuplesExpected });
      };
      if (run.observe === "on") return watch.followUntil("finalise", onLook);
      // By one clock each: what this machine's and Temporal's are apart must not count.
      const underWayMs = context.attemptScheduledAtMs - context.scheduledAtMs;
      const expectedEndMs = performance.now() - underWayMs + LEAD_MS + 1000 * latestEndSec(run.point);
      const { pollMs } = dependencies.timing;
      return followUnobserved(watch, nodes.length, { expectedEndMs, pollMs, signal: context.signal, onLook });
    });
  } finally {
    guardWatch.stop();
  }
}

/** @throws {BenchError} As soon as a node cannot go on. */
export async function finaliseRun(
  dependencies: HostDependencies,
  followed: FollowedRun,
  { signal }: Pick<StepContext, "signal">,
  report: ReportProgress,
): Promise<void> {
  await withWatch(dependencies, followed, signal, (watch) =>
    watch.followUntil("done", () => report({ nodesDone: watch.countAtLeast("done") })),
  );
}

async function withWatch(
  dependencies: HostDependencies,
  { run, nodes, isUnderLoad = false }: FollowedRun & { readonly isUnderLoad?: boolean },
  signal: AbortSignal,
  work: (watch: NodeWatch) => Promise<void>,
): Promise<void> {
  const provider = providerOf(dependencies, run.environment);
  const database = dependencies.openDatabase(run.runId);
  try {
    const { timing } = dependencies;
    await work(new NodeWatch({ run, nodes, provider, database, timing, signal, isUnderLoad }));
  } finally {
    await database.close();
  }
}

/** From t0, where every tuple is on time; a staggered node begins less than a batch later. */
const latestEndSec = (point: Point): number =>
  expectedSecOf(point) + (point.phase === "staggered" ? (point.aggregation * 60) / point.ratePerMin : 0);

interface UnobservedFollowing {
  /** Of `performance.now()`. */
  readonly expectedEndMs: number;
  readonly pollMs: number;
  readonly signal: AbortSignal;
  readonly onLook: () => void;
}

/** No database is asked before the loop should have ended, and seldom after; who is gone shows from outside. */
async function followUnobserved(
  watch: NodeWatch,
  nodeCount: number,
  { expectedEndMs, pollMs, signal, onLook }: UnobservedFollowing,
): Promise<void> {
  for (let nextMs = expectedEndMs; ; nextMs = performance.now() + LATE_LOOK_POLLS * pollMs) {
    while (performance.now() < nextMs) {
      await watch.lookFromOutside();
      await sleep(pollMs, signal);
    }
    await watch.look();
    onLook();
    if (watch.countAtLeast("finalise") === nodeCount) return;
  }
}
