/** Follows all nodes of a run: how far each is, and, within seconds, which one cannot go on and why. */

import pLimit from "p-limit";
import type { NodeDatabase } from "#activities/database/node-database";
import type { StepTiming } from "#activities/host-dependencies";
import { failureOfProgram, failureOfState } from "#activities/node-failure";
import type { NodeProvider, NodeState } from "#activities/providers/provider";
import { LateAnswerError, sleep, within } from "#activities/timing";
import { BenchError } from "#model/errors";
import type { FailureKind } from "#model/errors";
import { maskSecrets } from "#model/mask-secrets";
import { masterIndexOf } from "#model/master";
import { NODE_PHASES } from "#model/node-protocol";
import type { NodePhase, NodeProgress } from "#model/node-protocol";
import type { NodeHandle, RunSpec } from "#model/run";

/** Questions in flight at once: enough that a few silent nodes do not hold up the rest. */
const CONCURRENCY = 32;
const LOG_LINE_LIMIT = 200;

export interface NodeWatchOptions {
  readonly run: RunSpec;
  readonly nodes: readonly NodeHandle[];
  readonly provider: NodeProvider;
  readonly database: NodeDatabase;
  readonly timing: StepTiming;
  readonly signal: AbortSignal;
  /** A silent node is no failure by itself: the step has a limit of its own. */
  readonly toleratesSilence?: boolean;
  /** The nodes are at their load: one that runs may be silent for longer. */
  readonly isUnderLoad?: boolean;
}

/** What is known of one node. */
interface Sighting {
  readonly node: NodeHandle;
  wasThere: boolean;
  progress?: NodeProgress;
  /** Since when each question stayed without an answer. */
  silentSinceMs?: number | undefined;
  pausedSinceMs?: number | undefined;
  /** Looks in a row in which the database refused connections. */
  refusals: number;
  silence: string;
  isUnreachable: boolean;
}

export class NodeWatch {
  readonly #options: NodeWatchOptions;
  readonly #sightings: readonly Sighting[];
  readonly #masterIndex: number;
  #engineWasAway = false;

  constructor(options: NodeWatchOptions) {
    this.#options = options;
    this.#masterIndex = masterIndexOf(options.nodes);
    this.#sightings = options.nodes.map((node) => ({
      node,
      wasThere: false,
      refusals: 0,
      silence: "",
      isUnreachable: false,
    }));
  }

  /** The last known progress of each node that ever told one, by node index. */
  get progress(): ReadonlyMap<number, NodeProgress> {
    return new Map(
      this.#sightings.flatMap(({ node, progress }) => (progress ? [[node.index, progress] as const] : [])),
    );
  }

  /** Nodes that are in this phase or past it. */
  countAtLeast(phase: NodePhase): number {
    return [...this.progress.values()].filter((progress) => isAtLeast(progress, phase)).length;
  }

  /**
   * Looks at all nodes until each is in this phase or past it.
   * @param onLook - After each look.
   * @throws {BenchError} As soon as one node cannot go on.
   */
  async followUntil(phase: NodePhase, onLook: () => void): Promise<void> {
    for (;;) {
      await this.look();
      onLook();
      if (this.countAtLeast(phase) === this.#sightings.length) return;
      await sleep(this.#options.timing.pollMs, this.#options.signal);
    }
  }

  /**
   * Looks once at all nodes' states, and at their progress.
   * @throws {BenchError} Where one cannot go on.
   */
  async look(): Promise<void> {
    let states = await this.#inspect();
    await this.#failByState(states);
    const asked = pLimit(CONCURRENCY);
    await Promise.all(this.#sightings.map((sighting) => asked(() => this.#askProgress(sighting))));
    if (this.#sightings.some(({ silentSinceMs }) => silentSinceMs !== undefined)) {
      states = await this.#inspect(); // a node that ended meanwhile
      await this.#failByState(states);
    }
    const failure = this.#failureOfPrograms() ?? this.#failureOfSilence(states);
    if (failure !== undefined) throw await this.#explain(failure);
  }

  /** Looks at the states alone and leaves the databases alone. */
  async lookFromOutside(): Promise<void> {
    const states = await this.#inspect();
    await this.#failByState(states);
    const now = performance.now();
    for (const [position, sighting] of this.#sightings.entries()) {
      sighting.pausedSinceMs = states?.[position]?.state === "paused" ? (sighting.pausedSinceMs ?? now) : undefined;
    }
    const failure = this.#failureOfSilence(states);
    if (failure !== undefined) throw failure;
  }

  /** Where talking to the nodes fails because one of them ended, the failure says so. */
  async explaining<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw await this.#explain(error);
    }
  }

  /** A node that ends takes others along, which may be heard of first. */
  async #explain<E>(consequence: E): Promise<E | BenchError> {
    await sleep(this.#options.timing.pollMs, this.#options.signal);
    const cause = this.#failureOfStates(await this.#inspect());
    return cause === undefined ? consequence : this.#withLastLogLine(cause);
  }

  /** @returns `undefined` while the engine is away: the nodes do not need it. */
  async #inspect(): Promise<readonly NodeState[] | undefined> {
    const { provider, run, nodes, timing } = this.#options;
    try {
      return await within(timing.answerLimitMs, provider.inspectNodes(run, nodes));
    } catch (error) {
      const isAway = error instanceof LateAnswerError || (error instanceof BenchError && AWAY.has(error.kind));
      if (!isAway) throw error;
      this.#engineWasAway = true;
      return undefined;
    }
  }

  async #askProgress(sighting: Sighting): Promise<void> {
    const { database, timing } = this.#options;
    const askedMs = performance.now();
    try {
      sighting.progress = await within(timing.answerLimitMs, database.readProgress(sighting.node));
      sighting.silentSinceMs = undefined;
      sighting.refusals = 0;
    } catch (error) {
      if (error instanceof BenchError) throw error;
      sighting.silentSinceMs ??= askedMs;
      sighting.refusals = errorCode(error) === "ECONNREFUSED" ? sighting.refusals + 1 : 0;
      sighting.isUnreachable = UNREACHABLE.has(errorCode(error));
      sighting.silence = error instanceof Error ? error.message : String(error);
    }
  }

  async #failByState(states: readonly NodeState[] | undefined): Promise<void> {
    const failure = this.#failureOfStates(states);
    if (failure !== undefined) throw await this.#withLastLogLine(failure);
  }

  #failureOfStates(states: readonly NodeState[] | undefined): BenchError | undefined {
    for (const [position, sighting] of this.#sightings.entries()) {
      const state = states?.[position];
      if (state === undefined) continue;
      const { index: node } = sighting.node;
      const failure = failureOfState(state, {
        node,
        isMaster: node === this.#masterIndex,
        wasThere: sighting.wasThere,
        engineWasAway: this.#engineWasAway,
        memoryMib: this.#options.run.point.memoryMib,
      });
      if (failure !== undefined) return failure;
      sighting.wasThere = true;
    }
    return undefined;
  }

  #failureOfPrograms(): BenchError | undefined {
    for (const { node, progress } of this.#sightings) {
      if (progress?.phase !== "failed") continue;
      return failureOfProgram(progress.error ?? { kind: "node failed", message: "no reason told" }, node.index);
    }
    return undefined;
  }

  #failureOfSilence(states: readonly NodeState[] | undefined): BenchError | undefined {
    const refusing = this.#sightings.find(({ refusals }) => refusals >= 2);
    if (refusing) {
      const message = "the database no longer takes connections, its node runs on";
      return new BenchError("db crash", message, { node: refusing.node.index });
    }
    if (this.#options.toleratesSilence) return undefined;
    const now = performance.now();
    const silentMs = ({ silentSinceMs = now, pausedSinceMs = now }: Sighting) =>
      now - Math.min(silentSinceMs, pausedSinceMs);
    const position = this.#sightings.findIndex((one, i) => silentMs(one) > this.#patienceMs(one, states?.[i]));
    const silent = this.#sightings[position];
    if (!silent) return undefined;
    const forSec = Math.round(silentMs(silent) / 1000);
    const why = states?.[position]?.state === "paused" ? "it is paused" : silent.silence;
    return new BenchError("node unresponsive", `no answer for ${forSec} s: ${why}`, { node: silent.node.index });
  }

  /** Guards do not delete the finding: a node that has too much to do answers late, and goes on. */
  #patienceMs({ isUnreachable }: Sighting, state: NodeState | undefined): number {
    const { timing, isUnderLoad = false } = this.#options;
    const mayBeBusy = isUnderLoad && state?.state === "running" && !isUnreachable;
    return mayBeBusy ? timing.overloadedMs : timing.unresponsiveMs;
  }

  async #withLastLogLine(failure: BenchError): Promise<BenchError> {
    const line = await this.#lastLogLine(failure.particulars.node);
    if (line === undefined) return failure;
    return new BenchError(failure.kind, `${failure.message}; its last words: ${line}`, failure.particulars);
  }

  /** Helps to read a failure; where it cannot be had, the failure stands without it. */
  async #lastLogLine(nodeIndex: number | undefined): Promise<string | undefined> {
    if (nodeIndex === undefined) return undefined;
    const { provider, run, timing } = this.#options;
    const log = await within(timing.answerLimitMs, provider.readLogs(run.runId, nodeIndex)).catch(() => "");
    const line = log.trimEnd().split("\n").at(-1)?.trim();
    return line ? maskSecrets(line).slice(0, LOG_LINE_LIMIT) : undefined;
  }
}

/** Of what makes and keeps nodes. */
const AWAY: ReadonlySet<FailureKind> = new Set(["engine unavailable", "esxi unavailable"]);

/** No packet gets there, whatever the node is doing. */
const UNREACHABLE: ReadonlySet<unknown> = new Set(["EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN"]);

const PROGRESS_ORDER = new Map(NODE_PHASES.map((phase, position) => [phase, position]));

function isAtLeast({ phase }: NodeProgress, wanted: NodePhase): boolean {
  return phase !== "failed" && (PROGRESS_ORDER.get(phase) ?? 0) >= (PROGRESS_ORDER.get(wanted) ?? 0);
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
