/** The main and finalise steps: the nodes go on by themselves, here they are followed. */

import { EvidenceSpool } from "#activities/evidence";
import { providerOf } from "#activities/host-dependencies";
import type { HostDependencies } from "#activities/host-dependencies";
import { NodeWatch } from "#activities/node-watch";
import type { ReportProgress, StepContext } from "#activities/step";
import { sleep } from "#activities/timing";
import { expectedSecOf, tupleCountOf } from "#model/plan";
import type { NodeHandle, RunSpec } from "#model/run";

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
    await withWatch(dependencies, followed, context.signal, async (watch) => {
      if (run.observe === "off") {
        await followFromOutside(watch, context.scheduledAtMs + expectedSecOf(run.point) * 1000, {
          pollMs: dependencies.timing.pollMs,
          signal: context.signal,
        });
      }
      await watch.followUntil("finalise", () => {
        const tuples = watch.progress.values().reduce((sum, { tuplesLocal }) => sum + tuplesLocal, 0);
        report({ nodesDone: watch.countAtLeast("finalise"), tuples, tuplesExpected });
      });
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
  { run, nodes }: FollowedRun,
  signal: AbortSignal,
  work: (watch: NodeWatch) => Promise<void>,
): Promise<void> {
  const provider = providerOf(dependencies, run.environment);
  const database = dependencies.openDatabase(run.runId);
  try {
    await work(new NodeWatch({ run, nodes, provider, database, timing: dependencies.timing, signal }));
  } finally {
    await database.close();
  }
}

/** With `observe: off` no database is asked before the loop is expected to end. */
async function followFromOutside(
  watch: NodeWatch,
  untilMs: number,
  { pollMs, signal }: { readonly pollMs: number; readonly signal: AbortSignal },
): Promise<void> {
  while (Date.now() < untilMs) {
    await watch.lookFromOutside();
    await sleep(pollMs, signal);
  }
}
