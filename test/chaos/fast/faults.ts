/** What goes wrong in a world: each kind of fault, whom it meets, and how it ends. */

import type { Fault, FaultKind } from "#test/chaos/fast/schedule";
import type { SimulatedInstallation } from "#test/chaos/fast/simulated-installation";
import type { Container, SimulatedEngine } from "#test/chaos/fast/simulated-machine";
import type { SimulatedProcess } from "#test/chaos/fast/simulated-process";
import type { Simulation } from "#test/chaos/fast/simulation";

/** What was to come before an event that is later than this finds nobody any more. */
const UNTIL_MS = 10 * 60_000;

export interface TroubledWorld {
  readonly sim: Simulation;
  readonly installations: readonly SimulatedInstallation[];
  readonly engines: readonly SimulatedEngine[];
  /** A server has forgotten all of its workflows. */
  onHistoryLost(installation: SimulatedInstallation): void;
}

/** Whom a fault could meet, out of those that are there at that moment. */
interface Meeting extends Fault {
  readonly installation: SimulatedInstallation;
  readonly engine: SimulatedEngine;
  readonly worker: SimulatedProcess | undefined;
  readonly node: Container | undefined;
}

/** @returns Whether there was anybody to meet. */
type Injection = (meeting: Meeting) => boolean;

export class Trouble {
  /** How often each kind of fault met somebody. */
  readonly fired = new Map<FaultKind, number>();
  readonly #world: TroubledWorld;
  #ahead: readonly Fault[];
  /** How many faults have yet to end. */
  #lasting = 0;
  #hasLostHistory = false;

  constructor(world: TroubledWorld, faults: readonly Fault[]) {
    this.#world = world;
    this.#ahead = faults.toSorted((a, b) => a.atEvent - b.atEvent);
  }

  /** Nothing is broken now. */
  get isMended(): boolean {
    return this.#lasting === 0;
  }

  get isOver(): boolean {
    return this.isMended && (this.#ahead.length === 0 || this.#world.sim.elapsedMs > UNTIL_MS);
  }

  /** Asked after every event of the world. */
  injectWhatIsDue(): void {
    const [next] = this.#ahead;
    const { sim } = this.#world;
    if (next === undefined || sim.eventsDone < next.atEvent || sim.elapsedMs > UNTIL_MS) return;
    this.#ahead = this.#ahead.slice(1);
    const hasMet = this.#injections[next.kind](this.#meet(next));
    if (hasMet) this.fired.set(next.kind, (this.fired.get(next.kind) ?? 0) + 1);
  }

  kill(installation: SimulatedInstallation, worker: SimulatedProcess, awaySec: number): void {
    this.#world.sim.tell("FAULT", `${worker.name} is killed, and back after ${awaySec} s`);
    worker.kill();
    installation.temporal.missed(worker);
    this.#endsAfter(awaySec, () => installation.startWorker(worker));
  }

  readonly #injections: Readonly<Record<FaultKind, Injection>> = {
    "worker killed": ({ installation, worker, lastsSec }) => {
      if (worker) this.kill(installation, worker, lastsSec);
      return worker !== undefined;
    },

    "worker stands still": ({ installation: { temporal }, worker, lastsSec }) => {
      if (worker === undefined) return false;
      this.#tell("worker stands still", `${worker.name} for ${lastsSec} s`);
      worker.stall();
      temporal.missed(worker);
      return this.#endsAfter(lastsSec, () => {
        worker.goOn();
        temporal.dispatch();
      });
    },

    "server down": (meeting) => this.#takeServerDown(meeting),
    "history lost": (meeting) => {
      const isUp = this.#takeServerDown(meeting);
      if (!isUp) return false;
      this.#hasLostHistory = true;
      meeting.installation.temporal.loseEverything();
      this.#world.onHistoryLost(meeting.installation);
      return true;
    },

    "run terminated": (meeting) => this.#ask(meeting, "run-", "terminate"),
    "sweep terminated": (meeting) => this.#ask(meeting, "sweep-", "terminate"),
    "queue terminated": (meeting) => this.#ask(meeting, "host-", "terminate"),
    "run cancelled": (meeting) => this.#ask(meeting, "run-", "cancel"),
    "sweep cancelled": (meeting) => this.#ask(meeting, "sweep-", "cancel"),
    "sweep paused": (meeting) => this.#ask(meeting, "sweep-", "pause"),

    "node killed": ({ engine, node }) => {
      if (node) engine.endNode(node, 137, "killed");
      return node !== undefined;
    },
    "node removed": ({ engine, node }) => {
      if (node) engine.removeBehindBack(node);
      return node !== undefined;
    },
    "node paused": ({ engine, node, lastsSec }) => {
      if (node === undefined) return false;
      this.#tell("node paused", `${node.name} for ${lastsSec} s`);
      engine.pause(node, lastsSec * 1000);
      return this.#endsAfter(lastsSec, () => engine.unpause(node));
    },

    "engine away": (meeting) => this.#takeEngineAway(meeting),
    "engine restarted": (meeting) => {
      if (!meeting.engine.isUp) return false;
      meeting.engine.restart();
      return this.#takeEngineAway(meeting);
    },
    "engine stumbles": ({ kind, engine, victim }) => {
      this.#tell(kind, engine.id);
      engine.stumbles += 1 + (victim % 4);
      return true;
    },

    "reaper by hand": (meeting) => this.#reap(meeting, 1),
    "two reapers at once": (meeting) => this.#reap(meeting, 2),
    "reaper killed": (meeting) => {
      const [reaper] = this.#startReapers(meeting, 1);
      this.#world.sim.after(meeting.victim * 40, () => reaper?.kill());
      return true;
    },
  };

  #meet(fault: Fault): Meeting {
    const { installations, engines } = this.#world;
    const { victim } = fault;
    const installation = pick(installations, victim)!;
    const workers = installation.workers.filter(({ canAct }) => canAct);
    const engine = pick(engines, victim)!;
    const nodes = [...engine.containers.values()].filter(({ node }) => node?.state.state === "running");
    return { ...fault, installation, engine, worker: pick(workers, victim), node: pick(nodes, victim) };
  }

  #takeServerDown({ kind, installation: { temporal }, lastsSec }: Meeting): boolean {
    if (!temporal.isUp) return false;
    this.#tell(kind, `${temporal.name} for ${lastsSec} s`);
    temporal.goDown();
    return this.#endsAfter(lastsSec, () => temporal.comeUp());
  }

  #takeEngineAway({ kind, engine, lastsSec }: Meeting): boolean {
    if (!engine.isUp) return false;
    this.#tell(kind, `${engine.id} for ${lastsSec} s`);
    engine.isUp = false;
    return this.#endsAfter(lastsSec, () => {
      engine.isUp = true;
    });
  }

  /** Of one of the workflows that are under way. */
  #ask({ kind, installation, victim }: Meeting, prefix: string, what: "terminate" | "cancel" | "pause"): boolean {
    const { temporal } = installation;
    const id = pick(
      temporal.runningIds().filter((one) => one.startsWith(prefix)),
      victim,
    );
    if (id === undefined || !temporal.isUp) return false;
    this.#tell(kind, id);
    return what === "pause" ? temporal.update(id, "pauseSweep") : temporal[what](id);
  }

  #reap(meeting: Meeting, count: number): boolean {
    return this.#startReapers(meeting, count).length > 0;
  }

  #startReapers({ kind, installation, victim }: Meeting, count: number): SimulatedProcess[] {
    const { id } = pick(installation.hosts, victim)!;
    this.#tell(kind, id);
    return Array.from({ length: count }, () => installation.reapByCommand(id, this.#hasLostHistory));
  }

  #tell(kind: FaultKind, whom: string): void {
    this.#world.sim.tell("FAULT", `${kind}: ${whom}`);
  }

  #endsAfter(sec: number, end: () => void): true {
    this.#lasting += 1;
    this.#world.sim.after(sec * 1000, () => {
      this.#lasting -= 1;
      end();
    });
    return true;
  }
}

const pick = <T>(items: readonly T[], victim: number): T | undefined => items[victim % Math.max(1, items.length)];
