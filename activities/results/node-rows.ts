/** A run's evidence as rows of `node_result`: what each node measured, and what its database was proven to hold. */

import { clockDriftsOf } from "#model/clocks";
import { masterIndexOf } from "#model/master";
import type { RunEvidence } from "#model/run";
import { deviationPct } from "#model/run-row";

/** Keys are column names. */
export type NodeRow = Record<string, string | number | null>;

/** @throws {RangeError} If a node's handle or proof is missing. */
export function nodeRowsOf({ run, nodes, results, proofs }: RunEvidence): NodeRow[] {
  const drifts = clockDriftsOf(results, masterIndexOf(nodes));
  return results.map((result, position) => {
    const handle = nodes.find(({ index }) => index === result.nodeIndex);
    const proof = proofs.find(({ node }) => node === result.nodeIndex);
    if (!handle || !proof) throw new RangeError(`evidence of ${run.runId} is incomplete: node ${result.nodeIndex}`);
    const drift = drifts[position];
    return {
      run_id: run.runId,
      node: result.nodeIndex,
      address: handle.address,
      tuples: result.tupleCount,
      expected_s: result.expectedSec,
      elapsed_s: result.elapsedSec,
      deviation_pct: deviationPct(result.elapsedSec, result.expectedSec),
      connect_s: result.connectSec,
      warmup_s: result.warmupSec,
      barrier_s: result.barrierSec,
      sync_s: result.syncSec,
      finalise_s: result.finaliseSec,
      lateness_local_p50_ms: result.latenessLocal.p50Ms,
      lateness_local_p99_ms: result.latenessLocal.p99Ms,
      lateness_local_max_ms: result.latenessLocal.maxMs,
      lateness_remote_p50_ms: result.latenessRemote.p50Ms,
      lateness_remote_p99_ms: result.latenessRemote.p99Ms,
      lateness_remote_max_ms: result.latenessRemote.maxMs,
      lateness_pacing_p99_ms: result.latenessPacing.p99Ms,
      saturated_batches: result.saturatedBatches,
      saturated_s: result.saturatedSec,
      longest_gap_ms: result.longestGapMs,
      reconnects: result.reconnects,
      clock_drift_ms: drift === undefined ? null : drift.driftSec * 1000,
      cpu_user_s: result.cpuUserSec,
      cpu_system_s: result.cpuSystemSec,
      program_rss_mib: result.programRssMib,
      rows: proof.rows,
      distinct_rows: proof.distinctRows,
      digest: proof.digest,
    };
  });
}
