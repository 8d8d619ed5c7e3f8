/** The provision step: takes the host, creates the nodes or adopts them, and waits until every database answers. */

import pLimit from "p-limit";
import { HostFence } from "#activities/fence/host-fence";
import { providerOf } from "#activities/host-dependencies";
import type { HostDependencies } from "#activities/host-dependencies";
import { NodeWatch } from "#activities/node-watch";
import { checkRoute } from "#activities/route";
import { onOwnClock, stepSecSince } from "#activities/step";
import type { ReportProgress, StepContext } from "#activities/step";
import { sleep } from "#activities/timing";
import { BenchError } from "#model/errors";
import type { NodeHandle, RunSpec } from "#model/run";
import type { Isolation } from "#model/spec";

const QUESTION_CONCURRENCY = 32;
/** Machines boot before anything of theirs answers. They take seconds, and minutes where others use the host, too. */
const BOOT_MS: Partial<Record<Isolation, number>> = { kvm: 60_000, esxi: 120_000, tcg: 120_000 };

interface ProvisionInput {
  readonly run: RunSpec;
  /** UTC, ISO 8601; the nodes end themselves then. */
  readonly deadlineAt: string;
}

/**
 * Safe to repeat: what exists of this run is adopted as it is.
 * @throws {BenchError} `fenced`; else the first failure, once all creations have settled, so that no node appears after teardown.
 */
export async function provisionNodes(
  dependencies: HostDependencies,
  { run, deadlineAt }: ProvisionInput,
  context: Pick<StepContext, "signal" | "attempt" | "attemptScheduledAtMs">,
  report: ReportProgress,
): Promise<{ nodes: NodeHandle[]; provisionSec: number | null }> {
  const { signal } = context;
  const input = { run, deadlineAt: onOwnClock(deadlineAt, context) };
  await new HostFence(dependencies).take(input.run, input.deadlineAt, dependencies.timing, signal);
  await refuseEnded(dependencies, input.run);
  const { imageBuilds, timing } = dependencies;
  await imageBuilds.awaitNone(timing.fencePollMs, signal, (waitingFor) => report({ nodesDone: 0, waitingFor }));
  const startedMs = performance.now();
  await prepareHost(dependencies, input, signal, report);
  const nodes = await ensureNodes(dependencies, input, signal);
  await untilAllAnswer(dependencies, input.run, nodes, signal, report);
  return { nodes, provisionSec: stepSecSince(startedMs, context) };
}

/** A worker that stood still comes back to a run that may have ended, and been torn down, meanwhile. */
async function refuseEnded(dependencies: HostDependencies, { runId }: RunSpec): Promise<void> {
  // Without an answer it goes on: the nodes do not need Temporal.
  const outcome = await dependencies.askRunOutcome(runId).catch(() => undefined);
  if (outcome !== "ended" && outcome !== "kept") return;
  // Nodes that were kept have the host until their deadline.
  if (outcome === "ended") await new HostFence(dependencies).release(runId);
  throw new BenchError("fenced", "the run has ended meanwhile", { host: dependencies.host });
}

/** Looks whether the host is quiet while what the nodes share is created: nothing of it uses the processor for long. */
async function prepareHost(
  dependencies: HostDependencies,
  { run, deadlineAt }: ProvisionInput,
  signal: AbortSignal,
  report: ReportProgress,
): Promise<void> {
  const provider = providerOf(dependencies, run.environment);
  const tasks = [
    (stop: AbortSignal) => provider.ensureRun(run, deadlineAt, stop),
    (stop: AbortSignal) => dependencies.guards.awaitQuiet(stop, (waitingFor) => report({ nodesDone: 0, waitingFor })),
  ];
  await settleAll(tasks, signal, (task, stop) => task(stop));
}

async function ensureNodes(
  dependencies: HostDependencies,
  { run, deadlineAt }: ProvisionInput,
  signal: AbortSignal,
): Promise<NodeHandle[]> {
  const provider = providerOf(dependencies, run.environment);
  const workerVerifier = dependencies.credentials.workerVerifier(run.runId);
  const fence = new HostFence(dependencies);
  const slots = pLimit(provider.nodesAtOnce ?? Infinity);
  const indices = Array.from({ length: run.point.nodes }, (_, position) => position + 1);
  return settleAll(indices, signal, (index, stop) =>
    slots(async () => {
      stop.throwIfAborted();
      await fence.check(run);
      return provider.ensureNode(run, { index, deadlineAt, workerVerifier, sizing: run.sizing }, stop);
    }),
  );
}

/**
 * All at once, each to its end, whatever becomes of the others; the first failure asks the rest to stop.
 * @throws The first failure.
 */
async function settleAll<T, R>(
  items: readonly T[],
  signal: AbortSignal,
  action: (item: T, stop: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const actions = items.map(async (item) => {
    try {
      return await action(item, stop);
    } catch (error) {
      failed.abort(error); // the first one's reason stays
      throw error;
    }
  });
  await Promise.allSettled(actions);
  stop.throwIfAborted();
  return Promise.all(actions);
}

async function untilAllAnswer(
  dependencies: HostDependencies,
  run: RunSpec,
  nodes: readonly NodeHandle[],
  signal: AbortSignal,
  report: ReportProgress,
): Promise<void> {
  const { timing } = dependencies;
  const database = dependencies.openDatabase(run.runId);
  const provider = providerOf(dependencies, run.environment);
  const watch = new NodeWatch({ run, nodes, provider, database, timing, signal, toleratesSilence: true });
  const slots = pLimit(QUESTION_CONCURRENCY);
  const bootMs = BOOT_MS[run.environment.isolation] ?? 0;
  const startedMs = performance.now();
  let lookedMs = startedMs;
  let silent = nodes;
  try {
    for (;;) {
      const answers = await Promise.all(silent.map((node) => slots(() => database.answers(node))));
      silent = silent.filter((_, position) => !answers[position]);
      report({ nodesDone: nodes.length - silent.length });
      const first = silent[0];
      if (first === undefined) return;

      const now = performance.now();
      if (now - lookedMs >= timing.pollMs) {
        await watch.lookFromOutside();
        lookedMs = now;
      }
      const isNobodyThere = silent.length === nodes.length;
      if (isNobodyThere && now - startedMs > bootMs + timing.routeCheckMs) await checkRoute(first);
      if (now - startedMs > bootMs + readinessLimitMs(nodes.length)) throw neverAnswered(silent, now - startedMs);
      await sleep(timing.readinessPollMs, signal);
    }
  } finally {
    await database.close();
  }
}

const readinessLimitMs = (nodeCount: number): number => 60_000 + 2000 * nodeCount;

function neverAnswered(silent: readonly NodeHandle[], afterMs: number): BenchError {
  const others = silent.length > 1 ? `, nor did those of ${silent.length - 1} other nodes` : "";
  const message = `its database did not answer within ${Math.round(afterMs / 1000)} s${others}`;
  const node = silent[0]?.index;
  return new BenchError("node failed", message, node === undefined ? {} : { node });
}
