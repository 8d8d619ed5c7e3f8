/** The activities of one host, put together from its steps. */

import { collectRun } from "#activities/collect-run";
import { destroyNodes } from "#activities/destroy-nodes";
import { EvidenceSpool } from "#activities/evidence";
import { withFailureBoundary } from "#activities/failure-boundary";
import { HostFence } from "#activities/fence/host-fence";
import { findNodes } from "#activities/find-nodes";
import { finaliseRun, followMainLoop } from "#activities/follow-run";
import { providerOf } from "#activities/host-dependencies";
import type { HostDependencies } from "#activities/host-dependencies";
import type { HostActivities } from "#activities/index";
import { KeptLogs } from "#activities/kept-logs";
import { passBarrier } from "#activities/pass-barrier";
import { proveHostClean } from "#activities/prove-host-clean";
import { provisionNodes } from "#activities/provision-nodes";
import { readNodeLogs } from "#activities/read-node-logs";
import { reapedWhole, reapHost, remainingRunIds } from "#activities/reap-host";
import { runStep, withHeartbeats } from "#activities/step";
import type { ReportProgress, StepContext } from "#activities/step";
import { BenchError } from "#model/errors";
import type { RunSpec, Step } from "#model/run";
import type { Environment } from "#model/spec";

/** A step's work: safe to repeat, told when to stop, says how far it is. */
type StepWork<I, O> = (
  dependencies: HostDependencies,
  input: I,
  context: StepContext,
  report: ReportProgress,
) => Promise<O>;

/** Anything else on this host. */
type Work<I, O> = (dependencies: HostDependencies, input: I) => Promise<O>;

export function createHostActivities(dependencies: HostDependencies): HostActivities {
  const { host, currentContext } = dependencies;

  const asStep =
    <I, O>(step: Step, work: StepWork<I, O>) =>
    (input: I & { run?: RunSpec }): Promise<O> => {
      const context = currentContext();
      const nodes = input.run?.point.nodes ?? 0;
      return runStep({ step, nodes, host, context }, (report) =>
        keepingLogs(dependencies, input.run, context, () => work(dependencies, input, context, report)),
      );
    };

  const asActivity =
    <I, O>(work: Work<I, O>) =>
    (input: I): Promise<O> => {
      const context = currentContext();
      return withHeartbeats(
        () => context.heartbeat(),
        () => withFailureBoundary({ host }, () => work(dependencies, input)),
      );
    };

  return {
    prepareEnvironment: asActivity(prepareEnvironment),
    buildImage: asActivity(buildImage),
    findNodes: asActivity(findNodes),
    provisionNodes: asStep("provision", provisionNodes),
    passBarrier: asStep("sync", passBarrier),
    followMainLoop: asStep("main", followMainLoop),
    finaliseRun: asStep("finalise", finaliseRun),
    collectRun: asStep("collect", collectRun),
    destroyNodes: asStep("teardown", destroyNodes),
    fetchEvidence: asActivity(fetchEvidence),
    readNodeLogs: asActivity(readNodeLogs),
    proveHostClean: asActivity(proveHostClean),
    reapHost: asActivity(reap),
  };
}

/** A failed run's nodes are removed soon; its reason sends the reader to their logs. */
async function keepingLogs<T>(
  dependencies: HostDependencies,
  run: RunSpec | undefined,
  { signal }: StepContext,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (run !== undefined && !signal.aborted) {
      const provider = providerOf(dependencies, run.environment);
      await new KeptLogs(dependencies.keptLogsDir).keep(provider, run.runId, run.point.nodes);
    }
    throw error;
  }
}

const prepareEnvironment = async (dependencies: HostDependencies, { environment }: { environment: Environment }) =>
  providerOf(dependencies, environment).prepareEnvironment(environment);

/** @throws {BenchError} `engine unavailable` where something cannot be removed; worth another try. */
async function reap(dependencies: HostDependencies): Promise<{ removed: number; remainingRunIds: string[] }> {
  const report = reapedWhole(dependencies, await reapHost(dependencies));
  return { removed: report.removed.length, remainingRunIds: remainingRunIds(report, dependencies.host) };
}

const fetchEvidence = async ({ spoolDir }: HostDependencies, { runId, part }: { runId: string; part: number }) => ({
  data: await new EvidenceSpool(spoolDir).readPart(runId, part),
});

/** @throws {BenchError} `image`; `no provider`; `busy host` where runs have the machine for an hour. */
async function buildImage(
  dependencies: HostDependencies,
  input: { sha: string; archive: string },
): Promise<{ image: string }> {
  const { buildImage: build, imageBuilds, host, timing, currentContext } = dependencies;
  if (build === undefined)
    throw new BenchError("no provider", "this host has no engine to build an image for", { host });
  const fence = new HostFence(dependencies);
  const buildTiming = { pollMs: timing.fencePollMs, waitMs: timing.buildWaitMs };
  return imageBuilds.build(
    () => build(input),
    () => fence.findHolder(),
    buildTiming,
    currentContext().signal,
  );
}
