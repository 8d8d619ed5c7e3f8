/** The sync step: hands out the work and follows until every node has left the barrier. */

import pLimit from "p-limit";
import { barrierTimeoutSec, tasksOf } from "#activities/assignment";
import type { NodeTask } from "#activities/assignment";
import { HostFence } from "#activities/fence/host-fence";
import { providerOf } from "#activities/host-dependencies";
import type { HostDependencies } from "#activities/host-dependencies";
import { NodeWatch } from "#activities/node-watch";
import type { ReportProgress, StepContext } from "#activities/step";
import { LateAnswerError, sleep, within } from "#activities/timing";
import { BenchError } from "#model/errors";
import type { NodeProgress } from "#model/node-protocol";
import type { NodeHandle, RunSpec } from "#model/run";

/** The nodes give up first, since they know more about why. */
const GRACE_MS = 5000;
const HAND_OUT_CONCURRENCY = 16;
/** From their work to the barrier's release, for a few nodes without a warm-up. */
const USUAL_BARRIER_MS = 400;

/** @throws {BenchError} `fenced`, `barrier` naming who is missing, `sync`, `dns`, or what became of a node. */
export async function passBarrier(
  dependencies: HostDependencies,
  { run, nodes }: { readonly run: RunSpec; readonly nodes: readonly NodeHandle[] },
  { signal }: Pick<StepContext, "signal">,
  report: ReportProgress,
): Promise<void> {
  const { timing, credentials } = dependencies;
  await new HostFence(dependencies).check(run);
  const provider = providerOf(dependencies, run.environment);
  const database = dependencies.openDatabase(run.runId);
  const timeout = AbortSignal.timeout(barrierTimeoutSec(run) * 1000 + GRACE_MS);
  const either = AbortSignal.any([signal, timeout]);
  const watch = new NodeWatch({ run, nodes, provider, database, timing, signal: either, toleratesSilence: true });
  const tasks = tasksOf(run, nodes, credentials.peerPassword(run.runId));
  const handOut = (action: (task: NodeTask) => Promise<void>) =>
    watch.explaining(() => toEach(tasks, action, timing.unresponsiveMs));
  try {
    // Peers write to each other from their warm-up on, so all tables are there before the first node begins.
    await handOut(({ node, assignment }) => database.prepareTables(node, assignment));
    await handOut(({ node, assignment }) => database.assign(node, assignment));
    // Nodes are looked at once a second: one of the looks shall come right after the release, not most of a second later.
    await sleep((1000 * run.warmupSec + USUAL_BARRIER_MS) % timing.pollMs, either);
    await watch.followUntil("main", () => report({ nodesDone: watch.countAtLeast("main") }));
  } catch (error) {
    const isLate = timeout.aborted && !signal.aborted;
    const gaveUp = error instanceof BenchError && error.kind === "barrier" && watch.progress.size > 0;
    throw isLate || gaveUp ? missingAtBarrier(nodes, watch.progress, error) : error;
  } finally {
    await database.close();
  }
}

/** @throws {BenchError} `barrier` naming the nodes that did not answer in time. */
async function toEach(
  tasks: readonly NodeTask[],
  action: (task: NodeTask) => Promise<void>,
  limitMs: number,
): Promise<void> {
  const slots = pLimit(HAND_OUT_CONCURRENCY);
  const settled = await Promise.allSettled(tasks.map((task) => slots(() => within(limitMs, action(task)))));
  const silent = tasks.filter((_, position) => isSilent(settled[position])).map(({ node }) => node.index);
  if (silent.length > 0) throw barrierError(silent, tasks.length);
  const rejected = settled.find((one) => one.status === "rejected");
  if (rejected !== undefined) throw rejected.reason;
}

const isSilent = (one: PromiseSettledResult<void> | undefined): boolean =>
  one?.status === "rejected" && one.reason instanceof LateAnswerError;

/** Who has not come, as far as the nodes told; what they said themselves where all have. */
function missingAtBarrier(
  nodes: readonly NodeHandle[],
  progress: ReadonlyMap<number, NodeProgress>,
  error: unknown,
): unknown {
  const missing = nodes.map(({ index }) => index).filter((index) => !hasArrived(progress.get(index)));
  return missing.length === 0 ? error : barrierError(missing, nodes.length);
}

/** A node whose program gave up waiting had come. */
function hasArrived(progress: NodeProgress | undefined): boolean {
  if (progress?.phase === "failed") return progress.error?.kind === "barrier";
  return progress !== undefined && !["waiting", "connecting", "warmup"].includes(progress.phase);
}

function barrierError(missing: readonly number[], nodeCount: number): BenchError {
  const who = missing.map((index) => `node ${index}`).join(", ");
  const where = missing.length === 1 && missing[0] !== undefined ? { node: missing[0] } : {};
  return new BenchError("barrier", `${nodeCount - missing.length}/${nodeCount}, missing ${who}`, where);
}
