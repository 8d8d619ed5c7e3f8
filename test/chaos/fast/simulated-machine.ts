/** Machines with their engines: containers that really are there, beside each other or not, whatever anybody's log says. */

import { BenchError } from "#model/errors";
import { LABEL } from "#model/ids";
import { NODE_EXIT } from "#model/node-protocol";
import type { Assignment, NodePhase } from "#model/node-protocol";
import { expectedSecOf } from "#model/plan";
import type { RunSpec } from "#model/run";
import type { NodeState } from "#activities/providers/provider";
import type { Latency, SimulatedProcess } from "#test/chaos/fast/simulated-process";
import type { Simulation } from "#test/chaos/fast/simulation";

/** From its work to the barrier, and from the last acknowledgement to the end. */
const SYNC_MS = 800;
const FINALISE_MS = 300;
/** As the product's guards have it. */
const GAP_LIMIT_MS = 1000;

export interface Container {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of a node; absent on the lease and on decoys. */
  readonly node?: SimulatedNode;
}

export interface SimulatedNode {
  readonly runId: string;
  readonly index: number;
  readonly address: string;
  state: NodeState;
  hasTables: boolean;
  assignment: Assignment | undefined;
  /** It got its work when the others' barrier was past: it never gets there. */
  isLate: boolean;
  longestGapMs: number;
}

interface NodeCreation {
  readonly index: number;
  readonly labels: Readonly<Record<string, string>>;
  /** By the clock of whoever makes it. */
  readonly endsAfterMs: number;
  readonly by: SimulatedProcess;
}

export interface Network {
  readonly id: string;
  readonly runId: string;
  readonly subnet: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** What really happened to a run, by the engines. */
export interface RunFacts {
  readonly runId: string;
  readonly host: string;
  readonly firstCreatedAtMs: number;
  /** Containers made, by node index. */
  readonly made: Map<number, number>;
  /** What happened to its nodes once they had work, and before they were done. */
  readonly disturbances: string[];
  /** By node index; one each unless work was handed out twice. */
  readonly tupleSeeds: Map<number, Set<string>>;
  imageDigest: string;
}

/** The node programs of a run: they go on by themselves as long as all of them are there. */
interface Programs {
  readonly run: RunSpec;
  /** When the last of them got its work. */
  startedAtMs: number | undefined;
  stoppedAtMs: number | undefined;
}

export class SimulatedEngine {
  readonly id: string;
  readonly machine: SimulatedMachine;
  /** By name. */
  readonly containers = new Map<string, Container>();
  /** By id. */
  readonly networks = new Map<string, Network>();
  readonly #programs = new Map<string, Programs>();
  isUp = true;
  /** How long its calls take. */
  latencyMs: Latency = [1, 40];
  /** So many of the next calls fail, before or after their effect. */
  stumbles = 0;

  constructor(machine: SimulatedMachine, id: string) {
    this.machine = machine;
    this.id = id;
  }

  /** What every call of the engine's API meets. */
  answer<T>(effect: () => T): T {
    const { sim } = this.machine;
    if (!this.isUp) throw new BenchError("engine unavailable", "connect ECONNREFUSED /var/run/docker.sock");
    if (this.stumbles === 0) return effect();
    this.stumbles -= 1;
    if (sim.oneIn(2)) effect();
    throw new BenchError("engine unavailable", "cut off");
  }

  ensureNetwork(runId: string, labels: Readonly<Record<string, string>>, by: SimulatedProcess): void {
    const { machine } = this;
    const id = `network-${runId}`;
    if (this.networks.has(id)) return;
    machine.noteLate(runId, id, by);
    this.networks.set(id, { id, runId, subnet: ++machine.networksMade, labels });
  }

  createNode(run: RunSpec, { index, labels, endsAfterMs, by }: NodeCreation): Container {
    const { machine } = this;
    const { sim } = machine;
    const network = this.networks.get(`network-${run.runId}`);
    if (network === undefined) throw new BenchError("engine unavailable", `run ${run.runId} has no network`);
    const name = `${run.runId}-n${index}`;
    const address = `198.18.${network.subnet % 256}.${index + 1}`;
    const node: SimulatedNode = {
      runId: run.runId,
      index,
      address,
      state: { state: "running" },
      hasTables: false,
      assignment: undefined,
      isLate: false,
      longestGapMs: 6,
    };
    const container = { id: machine.newId(), name, labels, node };
    machine.noteLate(run.runId, name, by);
    machine.noteCreation(this, run, container);
    this.containers.set(name, container);
    if (!this.#programs.has(run.runId)) {
      this.#programs.set(run.runId, { run, startedAtMs: undefined, stoppedAtMs: undefined });
    }
    sim.after(endsAfterMs, () => this.endNode(container, NODE_EXIT.deadline, "its deadline"));
    return container;
  }

  /** The node's processes are gone; its container stays until somebody removes it. */
  endNode(container: Container, exitCode: number, why: string): void {
    const { node } = container;
    if (this.containers.get(container.name) !== container || node === undefined || node.state.state === "exited")
      return;
    this.#noteDisturbance(node, `ended: ${why}`);
    node.state = { state: "exited", exitCode, outOfMemory: false };
    this.machine.sim.tell(this.id, `${container.name} ends: ${why}`);
    this.#stopPrograms(node);
  }

  remove(name: string): void {
    const container = this.containers.get(name);
    if (container === undefined) return;
    this.containers.delete(name);
    const { node } = container;
    if (node === undefined) return;
    this.#stopPrograms(node);
    if (!this.nodesOf(node.runId).length) this.#programs.delete(node.runId);
  }

  /** From outside, not by whoever made it. */
  removeBehindBack(container: Container): void {
    const { node } = container;
    if (node === undefined || !this.containers.has(container.name)) return;
    this.#noteDisturbance(node, "was removed");
    this.machine.sim.tell(this.id, `${container.name} is removed from outside`);
    this.remove(container.name);
  }

  /** Every node of it ends; what they were stays. */
  restart(): void {
    for (const container of this.containers.values())
      if (container.node) this.endNode(container, 137, "engine restart");
  }

  pause({ node }: Container, forMs: number): void {
    if (node?.state.state !== "running") return;
    node.state = { state: "paused" };
    if (!this.#isAtWork(node)) return;
    node.longestGapMs = Math.max(node.longestGapMs, forMs);
    if (forMs > GAP_LIMIT_MS) this.#noteDisturbance(node, "was paused");
  }

  unpause({ node }: Container): void {
    if (node?.state.state === "paused") node.state = { state: "running" };
  }

  nodesOf(runId: string): SimulatedNode[] {
    return [...this.containers.values()].flatMap(({ node }) => (node?.runId === runId ? [node] : []));
  }

  assign(node: SimulatedNode, assignment: Assignment): void {
    // The first assignment stays.
    if (node.assignment !== undefined) return;
    node.assignment = assignment;
    this.machine.noteAssignment(node, assignment);
    const programs = this.#programs.get(node.runId);
    node.isLate = programs?.startedAtMs !== undefined;
    const all = this.nodesOf(node.runId);
    if (programs === undefined || all.length < assignment.peers.length) return;
    if (all.every((one) => one.assignment !== undefined)) programs.startedAtMs ??= this.machine.sim.nowMs;
  }

  phaseOf({ runId, assignment, isLate }: SimulatedNode): NodePhase {
    const programs = this.#programs.get(runId);
    if (assignment === undefined || programs === undefined) return "waiting";
    if (programs.startedAtMs === undefined || isLate) return "connecting";
    const goneMs = (programs.stoppedAtMs ?? this.machine.sim.nowMs) - programs.startedAtMs;
    const mainMs = expectedSecOf(programs.run.point) * 1000;
    if (goneMs < SYNC_MS) return "barrier";
    if (goneMs < SYNC_MS + mainMs) return "main";
    return goneMs < SYNC_MS + mainMs + FINALISE_MS ? "finalise" : "done";
  }

  /** The others cannot go on without it. */
  #stopPrograms({ runId }: SimulatedNode): void {
    const programs = this.#programs.get(runId);
    if (programs) programs.stoppedAtMs ??= this.machine.sim.nowMs;
  }

  #isAtWork(node: SimulatedNode): boolean {
    return node.assignment !== undefined && this.phaseOf(node) !== "done";
  }

  #noteDisturbance(node: SimulatedNode, what: string): void {
    if (this.#isAtWork(node)) this.machine.factsOf(node.runId)?.disturbances.push(`node ${node.index} ${what}`);
  }
}

export interface Overlap {
  readonly runId: string;
  readonly beside: string;
  readonly machine: string;
}

/** One machine, which may have several engines. */
export class SimulatedMachine {
  readonly sim: Simulation;
  readonly name: string;
  readonly engines: SimulatedEngine[] = [];
  networksMade = 0;
  readonly #world: MachineWorld;

  constructor(sim: Simulation, name: string, world: MachineWorld) {
    this.sim = sim;
    this.name = name;
    this.#world = world;
  }

  addEngine(id: string): SimulatedEngine {
    const engine = new SimulatedEngine(this, id);
    this.engines.push(engine);
    return engine;
  }

  newId(): string {
    return `c${++this.#world.containersMade}`;
  }

  factsOf(runId: string): RunFacts | undefined {
    return this.#world.runs.get(runId);
  }

  /**
   * A run that has given its host back makes nothing any more. A worker that has just woken up may, by the fence, in the
   * moment before it hears what it missed: that goes with the reaper's next pass.
   */
  noteLate(runId: string, name: string, { hasJustWoken }: SimulatedProcess): void {
    if (hasJustWoken) return;
    const { misdeeds } = this.#world;
    if (this.#world.hasGivenBack(runId)) misdeeds.push(`${name} was made after its run gave the host back`);
    if (!this.#world.isInLedger(runId)) misdeeds.push(`${name} was made without an entry in the ledger`);
  }

  /** Whoever else runs here then, and may not, is an overlap: measured by what runs, not by who says so. */
  noteCreation(engine: SimulatedEngine, run: RunSpec, { name, node, labels }: Container): void {
    const { sim } = this;
    const isBegun = this.engines.some((one) => one.nodesOf(run.runId).length > 0);
    const before = this.#world.runs.get(run.runId);
    const facts = (isBegun && before) || {
      runId: run.runId,
      host: labels[LABEL.host] ?? "",
      firstCreatedAtMs: before?.firstCreatedAtMs ?? sim.nowMs,
      made: new Map<number, number>(),
      disturbances: [],
      tupleSeeds: new Map<number, Set<string>>(),
      imageDigest: run.environment.imageDigest,
    };
    this.#world.runs.set(run.runId, facts);
    const index = node?.index ?? 0;
    if (facts.tupleSeeds.size > 0) facts.disturbances.push(`node ${index} was made after the others had their work`);
    facts.made.set(index, (facts.made.get(index) ?? 0) + 1);
    sim.tell(engine.id, `${name} starts`);
    for (const other of this.engines) {
      for (const { node: beside } of other.containers.values()) {
        if (beside === undefined || beside.runId === run.runId || beside.state.state === "exited") continue;
        const isAllowed = other !== engine && this.#world.mayShareMachine(run.runId, beside.runId);
        if (!isAllowed) this.#world.overlaps.push({ runId: run.runId, beside: beside.runId, machine: this.name });
      }
    }
  }

  noteAssignment({ runId, index }: SimulatedNode, { tupleSeed }: Assignment): void {
    const seeds = this.factsOf(runId)?.tupleSeeds;
    seeds?.set(index, new Set([...(seeds.get(index) ?? []), tupleSeed]));
  }
}

/** What all machines of a world write down. */
export interface MachineWorld {
  readonly runs: Map<string, RunFacts>;
  readonly overlaps: Overlap[];
  /** What nobody may do at any time. */
  readonly misdeeds: string[];
  containersMade: number;
  /** Whether what it creates is in the ledger. */
  isInLedger(runId: string): boolean;
  /** Whether it has said that it is done with its host. */
  hasGivenBack(runId: string): boolean;
  /** On engines of their own. */
  mayShareMachine(runId: string, other: string): boolean;
}
