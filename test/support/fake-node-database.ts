/** The databases of a run and the node programs beside them, in memory: no time passes, programs go on when told to. */

import { build, encodeIntoCompressedBase64 } from "hdr-histogram-js";
import type { NodeDatabase } from "#activities/database/node-database";
import { NODE_PHASES, PROTOCOL_VERSION } from "#model/node-protocol";
import type {
  Assignment,
  LatenessSummary,
  NodeFailure,
  NodePhase,
  NodeProgress,
  NodeResult,
} from "#model/node-protocol";
import type { DatabaseProof, NodeHandle } from "#model/run";
import { digestOfNode, formatDigest } from "#model/tuples";

/** The order a program that succeeds goes through. */
const PHASES: readonly NodePhase[] = NODE_PHASES.filter((phase) => phase !== "failed");

interface FakeProgram {
  answers: boolean;
  hasTables: boolean;
  assignment?: Assignment;
  phase: NodePhase;
  failure?: NodeFailure;
  resultPatch: Partial<NodeResult>;
  proofPatch: Partial<DatabaseProof>;
}

export class FakeNodeDatabases {
  /** By run id, then node index. */
  readonly #programs = new Map<string, Map<number, FakeProgram>>();
  readonly #stepOnRead: boolean;
  openConnections = 0;

  /** @param options.stepOnRead - Each `readProgress` takes that node's program one phase further, once it has work. */
  constructor({ stepOnRead = false }: { stepOnRead?: boolean } = {}) {
    this.#stepOnRead = stepOnRead;
  }

  /** An `OpenNodeDatabase`. */
  readonly open = (runId: string): NodeDatabase => {
    this.openConnections += 1;
    return new FakeNodeDatabase(this, runId, this.#stepOnRead);
  };

  program(runId: string, nodeIndex: number): FakeProgram {
    const nodes = this.#programs.get(runId) ?? new Map<number, FakeProgram>();
    this.#programs.set(runId, nodes);
    const known = nodes.get(nodeIndex);
    if (known) return known;
    const fresh: FakeProgram = { answers: true, hasTables: false, phase: "waiting", resultPatch: {}, proofPatch: {} };
    nodes.set(nodeIndex, fresh);
    return fresh;
  }

  programs(runId: string): readonly FakeProgram[] {
    return [...(this.#programs.get(runId)?.values() ?? [])];
  }

  /** Takes every program of the run that has work one phase further. */
  step(runId: string): void {
    for (const program of this.programs(runId)) stepProgram(program);
  }

  /** Takes every program of the run that has work to that phase at once. */
  stepTo(runId: string, phase: NodePhase): void {
    for (const program of this.programs(runId)) if (program.assignment && !program.failure) program.phase = phase;
  }

  /** The program gives up, with the next progress that is read. */
  failProgram(runId: string, nodeIndex: number, failure: NodeFailure): void {
    Object.assign(this.program(runId, nodeIndex), { phase: "failed", failure });
  }

  /** The node's server no longer answers, or does again. */
  setAnswering(runId: string, nodeIndex: number, answers: boolean): void {
    this.program(runId, nodeIndex).answers = answers;
  }

  /** What differs from a measurement where all went well. */
  patchResult(runId: string, nodeIndex: number, patch: Partial<NodeResult>): void {
    this.program(runId, nodeIndex).resultPatch = patch;
  }

  /** What differs from a database that holds exactly what it should. */
  patchProof(runId: string, nodeIndex: number, patch: Partial<DatabaseProof>): void {
    this.program(runId, nodeIndex).proofPatch = patch;
  }
}

function stepProgram(program: FakeProgram): void {
  if (!program.assignment || program.failure) return;
  program.phase = PHASES[PHASES.indexOf(program.phase) + 1] ?? "done";
}

class FakeNodeDatabase implements NodeDatabase {
  readonly #databases: FakeNodeDatabases;
  readonly #runId: string;
  readonly #stepOnRead: boolean;
  #isOpen = true;

  constructor(databases: FakeNodeDatabases, runId: string, stepOnRead: boolean) {
    this.#databases = databases;
    this.#runId = runId;
    this.#stepOnRead = stepOnRead;
  }

  async answers(node: NodeHandle): Promise<boolean> {
    return this.#databases.program(this.#runId, node.index).answers;
  }

  async prepareTables(node: NodeHandle): Promise<void> {
    this.#connect(node).hasTables = true;
  }

  async assign(node: NodeHandle, assignment: Assignment): Promise<void> {
    const program = this.#connect(node);
    const unprepared = assignment.peers.filter(({ index }) => !this.#databases.program(this.#runId, index).hasTables);
    if (unprepared.length > 0) {
      throw new Error(`assigned before the tables of node ${unprepared.map(({ index }) => index).join(", ")}`);
    }
    program.assignment ??= assignment;
  }

  async readProgress(node: NodeHandle): Promise<NodeProgress> {
    const program = this.#connect(node);
    if (this.#stepOnRead) stepProgram(program);
    const { phase, failure, assignment } = program;
    const hasMeasured = phase === "finalise" || phase === "done";
    const tuples = hasMeasured ? (assignment?.tupleCount ?? 0) : 0;
    return { phase, tuplesLocal: tuples, tuplesRemote: tuples, ...(failure && { error: failure }) };
  }

  async readResult(node: NodeHandle): Promise<NodeResult> {
    const { assignment, phase, resultPatch } = this.#connect(node);
    if (!assignment || phase !== "done") throw new Error(`node ${node.index} has no result yet`);
    return { ...faultlessResult(assignment), ...resultPatch };
  }

  async prove(node: NodeHandle): Promise<DatabaseProof> {
    const { assignment, proofPatch } = this.#connect(node);
    const tuples = assignment ? await this.#countAndDigest(assignment) : { rows: 0, digest: formatDigest(0n) };
    return { node: node.index, ...tuples, distinctRows: tuples.rows, serverUptimeSec: 10, ...proofPatch };
  }

  async close(): Promise<void> {
    if (this.#isOpen) this.#databases.openConnections -= 1;
    this.#isOpen = false;
  }

  async #countAndDigest(own: Assignment): Promise<{ rows: number; digest: string }> {
    const rows = own.peers.length * own.tupleCount;
    if (own.mode === "baseline") {
      const copies = own.peers.map((_, copy) => copy);
      return { rows, digest: formatDigest(await digestOfNode(own.tupleSeed, own.tupleCount, copies)) };
    }
    let sum = 0n;
    for (const { assignment } of this.#databases.programs(this.#runId)) {
      if (assignment) sum += await digestOfNode(assignment.tupleSeed, assignment.tupleCount, [0]);
    }
    return { rows, digest: formatDigest(sum) };
  }

  #connect(node: NodeHandle): FakeProgram {
    const program = this.#databases.program(this.#runId, node.index);
    if (!program.answers) {
      throw Object.assign(new Error(`connect ECONNREFUSED ${node.address}:${node.port}`), { code: "ECONNREFUSED" });
    }
    return program;
  }
}

/** Everything on time, to the millisecond. */
export function faultlessResult({ runId, nodeIndex, tupleCount, ratePerMin, peers }: Assignment): NodeResult {
  const expectedSec = (tupleCount * 60) / ratePerMin;
  const lateness = latenessOf(tupleCount, 1000);
  const releasedAtMasterUs = 1_700_000_000_000_000;
  const clocksAfter = (sec: number) =>
    peers.map(({ index }) => ({
      peer: index,
      monotonicUs: 5_000_000 + sec * 1_000_000,
      databaseUs: releasedAtMasterUs + sec * 1_000_000,
      roundTripUs: 100,
    }));
  return {
    protocol: PROTOCOL_VERSION,
    runId,
    nodeIndex,
    tupleCount,
    expectedSec,
    elapsedSec: expectedSec + 0.001,
    mainSec: expectedSec + 0.001,
    connectSec: 0.05,
    warmupSec: 0,
    barrierSec: 0.1,
    syncSec: 0.15,
    finaliseSec: 0.1,
    releasedAtMasterUs,
    releaseClockErrorUs: 50,
    barrierPolls: 3,
    latenessLocal: lateness,
    latenessRemote: lateness,
    latenessPacing: lateness,
    saturatedBatches: 0,
    saturatedSec: 0,
    longestGapMs: 6,
    reconnects: 0,
    clocksAtRelease: clocksAfter(0),
    clocksAtEnd: clocksAfter(expectedSec + 0.001),
    cpuUserSec: 0.1,
    cpuSystemSec: 0.05,
    nodeCpuSec: 0.4,
    programRssMib: 60,
    facts: { kernel: "fake", database: "fake" },
  };
}

const summaries = new Map<string, LatenessSummary>();

/** `count` samples of the same lateness. */
function latenessOf(count: number, latenessUs: number): LatenessSummary {
  const key = `${count}/${latenessUs}`;
  const known = summaries.get(key) ?? summariseEqual(count, latenessUs);
  summaries.set(key, known);
  return known;
}

function summariseEqual(count: number, latenessUs: number): LatenessSummary {
  const histogram = build({ numberOfSignificantValueDigits: 3 });
  histogram.recordValueWithCount(latenessUs, count);
  const ms = latenessUs / 1000;
  const percentiles = { p50Ms: ms, p90Ms: ms, p99Ms: ms, maxMs: ms };
  return { count, ...percentiles, histogram: encodeIntoCompressedBase64(histogram) };
}
