/** The collect step: fetches every node's result, proves every database, judges the run. */

import pLimit from "p-limit";
import { seedPartsOf } from "#activities/assignment";
import { EvidenceSpool } from "#activities/evidence";
import { fingerprintOf } from "#activities/fingerprint";
import { providerOf } from "#activities/host-dependencies";
import type { HostDependencies } from "#activities/host-dependencies";
import { KeptLogs } from "#activities/kept-logs";
import { NodeWatch } from "#activities/node-watch";
import { stepSecSince } from "#activities/step";
import type { ReportProgress, StepContext } from "#activities/step";
import { untilAborted } from "#activities/timing";
import { wallClocksOf } from "#model/clocks";
import { judgeRun } from "#model/judgement";
import { masterIndexOf } from "#model/master";
import type { RunRow } from "#model/result-row";
import type { NodeHandle, RunSpec } from "#model/run";
import { expectedDigests, runDigest } from "#model/tuples";

/** Proofs keep a core of the host busy each. */
const PROOF_CONCURRENCY = 4;

/** @throws {BenchError} What became of a node that no longer answers; `collect` where the evidence finds no space. */
export async function collectRun(
  dependencies: HostDependencies,
  {
    run,
    nodes,
    startedAt,
  }: { readonly run: RunSpec; readonly nodes: readonly NodeHandle[]; readonly startedAt: string },
  context: Pick<StepContext, "signal" | "attempt">,
  report: ReportProgress,
): Promise<{ row: RunRow; evidenceParts: number }> {
  const { signal } = context;
  const startedMs = performance.now();
  const database = dependencies.openDatabase(run.runId);
  const provider = providerOf(dependencies, run.environment);
  const watch = new NodeWatch({ run, nodes, provider, database, timing: dependencies.timing, signal });
  const spool = new EvidenceSpool(dependencies.spoolDir);
  const slots = pLimit(PROOF_CONCURRENCY);
  let nodesDone = 0;
  const collectNode = async (node: NodeHandle) => {
    signal.throwIfAborted();
    const result = await database.readResult(node);
    const proof = await database.prove(node);
    report({ nodesDone: ++nodesDone });
    return { result, proof };
  };
  try {
    const expecting = expectedDigests(seedPartsOf(run), signal);
    const collecting = watch.explaining(() =>
      Promise.all([expecting, ...nodes.map((node) => slots(() => collectNode(node)))]),
    );
    const [digestsExpected, ...collected] = await untilAborted(signal, collecting);
    const results = collected.map(({ result }) => result);
    const proofs = collected.map(({ proof }) => proof);
    const guards = await dependencies.guards.recordOf(spool.guardLogPath(run.runId), nodes);
    const masterIndex = masterIndexOf(nodes);
    const row = judgeRun({
      run,
      masterIndex,
      startedAt,
      results,
      proofs,
      expectedDigests: digestsExpected,
      digest: runDigest(proofs),
      fingerprint: fingerprintOf(run, results),
      collectSec: stepSecSince(startedMs, context),
      guards,
      thresholds: dependencies.guards.thresholds,
    });
    if (row.status !== "VALID") await new KeptLogs(dependencies.keptLogsDir).keep(provider, run.runId, nodes.length);
    const master = results[masterIndex - 1];
    const wallClocks = master === undefined ? [] : wallClocksOf(master);
    return { row, evidenceParts: await spool.keep({ run, nodes, results, proofs, guards, wallClocks }) };
  } finally {
    await database.close();
  }
}
