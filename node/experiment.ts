/** One node's part in a run, from the assignment to its result: the phases of the paper, in their order. */

import { BenchError } from "#model/errors";
import { PROTOCOL_VERSION } from "#model/node-protocol";
import type { Assignment, ClockSample, NodeResult } from "#model/node-protocol";
import { passBarrier } from "#node/barrier";
import { nowUs, secondsBetween } from "#node/clock";
import { createCoordination } from "#node/coordination";
import { sampleClocks } from "#node/database-clock";
import { readFacts } from "#node/facts";
import { finalise } from "#node/finalise";
import { GapWatch } from "#node/gap-watch";
import type { Link } from "#node/link";
import { LoopRecord } from "#node/loop";
import { measureMainLoop } from "#node/measurement";
import type { Measurement } from "#node/measurement";
import { connectMesh, prepareInserts, silentDatabases } from "#node/mesh";
import type { Mesh } from "#node/mesh";
import type { Progress } from "#node/progress";
import { orAtDeadline } from "#node/retry";
import { warmUp } from "#node/warm-up";

export interface ExperimentInput {
  readonly assignment: Assignment;
  readonly own: Link;
  readonly progress: Progress;
  /** See `NodeEnvironment`. */
  readonly stretch: number;
}

/** Of the time for the barrier, what a node has to get there: who cannot says why before the others miss it. */
const READY_SHARE = 0.9;

/** @throws {BenchError} With the kind that says what follows for the run. */
export async function takePart({ assignment, own, progress, stretch }: ExperimentInput): Promise<NodeResult> {
  const { runId, nodeIndex, peers, release, barrierTimeoutSec } = assignment;
  const assignedUs = nowUs();
  const deadlineUs = assignedUs + 1_000_000 * barrierTimeoutSec;
  const readyUs = assignedUs + READY_SHARE * 1_000_000 * barrierTimeoutSec;

  await progress.enter("connecting");
  const [mesh, connectSec] = await timed(() => connectMesh(assignment, own, readyUs));

  await progress.enter("warmup");
  const warmingUp = timed(() => warmUp(assignment, mesh));
  const [, warmupSec] = await orAtDeadline(readyUs, warmingUp, () => failForSilence(mesh));
  const gettingReady = getReady(assignment, mesh);
  const clocksAtRelease = await orAtDeadline(readyUs, gettingReady, () => failForSilence(mesh));

  // Before the barrier: what a node does right after it keeps those waiting that share its CPUs.
  const record = new LoopRecord();
  await progress.enter("barrier");
  const coordination = createCoordination(mesh.master, runId, nodeIndex);
  const enteredUs = nowUs();
  const onReleased = () => progress.released();
  const pass = await passBarrier({ coordination, nodeCount: peers.length, release, deadlineUs, onReleased });

  // To the very end: while others still measure, a node that stands still holds them up, too.
  using gapWatch = new GapWatch();
  const unfollow = progress.follow(record, assignment.observe === "on");
  const measuring = measureMainLoop({ assignment, mesh, startUs: pass.startUs, record, stretch });
  const measurement = await measuring.finally(unfollow);
  const clocksAtEnd = await sampleClocks(mesh.databases);

  await progress.enter("finalise");
  const [, finaliseSec] = await timed(() => finalise(coordination, peers.length));
  gapWatch.stop();

  return {
    ...resultOf(assignment, measurement, mesh),
    longestGapMs: gapWatch.longestMs,
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

async function getReady({ client }: Assignment, mesh: Mesh): Promise<ClockSample[]> {
  await prepareInserts("tuple", client, mesh);
  return sampleClocks(mesh.databases);
}

async function failForSilence(mesh: Mesh): Promise<never> {
  const silent = await silentDatabases(mesh);
  const who =
    silent.length === 0 ? "the databases are too slow for the warm-up" : `no answer from ${silent.join(", ")}`;
  throw new BenchError("sync", who);
}

function resultOf(assignment: Assignment, measurement: Measurement, mesh: Mesh) {
  const { runId, nodeIndex, tupleCount, ratePerMin, phaseOffsetMs } = assignment;
  const { record, elapsedSec, cpuUserSec, cpuSystemSec, nodeCpuSec } = measurement;
  const links = new Set([...mesh.local, ...mesh.remote, mesh.master]);
  return {
    protocol: PROTOCOL_VERSION,
    runId,
    nodeIndex,
    tupleCount,
    expectedSec: (tupleCount * 60) / ratePerMin,
    elapsedSec,
    mainSec: elapsedSec + phaseOffsetMs / 1000,
    latenessLocal: record.local.summary(),
    latenessRemote: record.remote.summary(),
    latenessPacing: record.pacing.summary(),
    saturatedBatches: record.saturatedBatches,
    saturatedSec: record.saturatedUs / 1_000_000,
    reconnects: links.values().reduce((sum, link) => sum + link.reconnects, 0),
    cpuUserSec,
    cpuSystemSec,
    nodeCpuSec,
    programRssMib: Math.round(process.memoryUsage.rss() / 2 ** 20),
  };
}

async function timed<T>(work: () => Promise<T>): Promise<[value: T, sec: number]> {
  const startedUs = nowUs();
  const value = await work();
  return [value, secondsBetween(startedUs, nowUs())];
}
