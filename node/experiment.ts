/** One node's part in a run, from the assignment to its result: the phases of the paper, in their order. */

import { PROTOCOL_VERSION } from "#model/node-protocol";
import type { Assignment, NodeResult } from "#model/node-protocol";
import { passBarrier } from "#node/barrier";
import { nowUs, secondsBetween } from "#node/clock";
import { createCoordination } from "#node/coordination";
import { sampleClocks } from "#node/database-clock";
import { readFacts } from "#node/facts";
import { finalise } from "#node/finalise";
import type { Link } from "#node/link";
import { LoopRecord } from "#node/loop";
import { measureMainLoop } from "#node/measurement";
import type { Measurement } from "#node/measurement";
import { connectMesh, prepareInserts } from "#node/mesh";
import type { Mesh } from "#node/mesh";
import type { Progress } from "#node/progress";
import { warmUp } from "#node/warm-up";

export interface ExperimentInput {
  readonly assignment: Assignment;
  readonly own: Link;
  readonly progress: Progress;
  /** See `NodeEnvironment`. */
  readonly stretch: number;
}

/** @throws {BenchError} With the kind that says what follows for the run. */
export async function takePart({ assignment, own, progress, stretch }: ExperimentInput): Promise<NodeResult> {
  const { runId, nodeIndex, peers, release, client } = assignment;
  const assignedUs = nowUs();
  const deadlineUs = assignedUs + 1_000_000 * assignment.barrierTimeoutSec;

  await progress.enter("connecting");
  const [mesh, connectSec] = await timed(() => connectMesh(assignment, own, deadlineUs));

  await progress.enter("warmup");
  const [, warmupSec] = await timed(() => warmUp(assignment, mesh));
  await prepareInserts("tuple", client, mesh);

  await progress.enter("barrier");
  const coordination = createCoordination(mesh.master, runId, nodeIndex);
  const clocksAtRelease = await sampleClocks(mesh.databases);
  const enteredUs = nowUs();
  const pass = await passBarrier({ coordination, nodeCount: peers.length, release, deadlineUs });

  const record = new LoopRecord();
  const unfollow = progress.follow(record, assignment.observe === "on");
  const measuring = measureMainLoop({ assignment, mesh, startUs: pass.startUs, record, stretch });
  const measurement = await measuring.finally(unfollow);
  const clocksAtEnd = await sampleClocks(mesh.databases);

  await progress.enter("finalise");
  const [, finaliseSec] = await timed(() => finalise(coordination, peers.length));

  return {
    ...resultOf(assignment, measurement, mesh),
    connectSec,
    warmupSec,
    barrierSec: secondsBetween(enteredUs, pass.startUs),
    syncSec: secondsBetween(assignedUs, pass.startUs),
    finaliseSec,
    releasedAtMasterUs: pass.releasedAtMasterUs,
    releaseClockErrorUs: pass.releaseClockErrorUs,
    barrierPolls: pass.polls,
    clocksAtRelease,
    clocksAtEnd,
    facts: await readFacts(own),
  };
}

function resultOf(assignment: Assignment, measurement: Measurement, mesh: Mesh) {
  const { runId, nodeIndex, tupleCount, ratePerMin } = assignment;
  const { record, elapsedSec, longestGapMs, cpuUserSec, cpuSystemSec } = measurement;
  const links = new Set([...mesh.local, ...mesh.remote, mesh.master]);
  return {
    protocol: PROTOCOL_VERSION,
    runId,
    nodeIndex,
    tupleCount,
    expectedSec: (tupleCount * 60) / ratePerMin,
    elapsedSec,
    latenessLocal: record.local.summary(),
    latenessRemote: record.remote.summary(),
    latenessPacing: record.pacing.summary(),
    saturatedBatches: record.saturatedBatches,
    saturatedSec: record.saturatedUs / 1_000_000,
    longestGapMs,
    reconnects: links.values().reduce((sum, link) => sum + link.reconnects, 0),
    cpuUserSec,
    cpuSystemSec,
    programRssMib: Math.round(process.memoryUsage.rss() / 2 ** 20),
  };
}

async function timed<T>(work: () => Promise<T>): Promise<[value: T, sec: number]> {
  const startedUs = nowUs();
  const value = await work();
  return [value, secondsBetween(startedUs, nowUs())];
}
