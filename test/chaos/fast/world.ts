/** One schedule, played to its end: a world is made, faults come, an operator mends what operators mend, all is looked at. */

import { packPlan } from "#model/packed-plan";
import type { Plan } from "#model/plan";
import { LABEL, runIdOfWorkflow, runWorkflowId, sweepIdOf, sweepWorkflowId } from "#model/ids";
import { pastAttemptOf } from "#model/run-row";
import type { SweepPin } from "#model/sweep-pin";
import { workLeft } from "#model/sweep-work";
import { resetEdges, writeDecoyFile } from "#test/chaos/fast/edges";
import type { CrashMoment } from "#test/chaos/fast/edges";
import { QueueOracle } from "#test/chaos/fast/queue-oracle";
import { Trouble } from "#test/chaos/fast/faults";
import type { TroubledWorld } from "#test/chaos/fast/faults";
import type { Schedule, SweepPlan } from "#test/chaos/fast/schedule";
import { SimulatedInstallation } from "#test/chaos/fast/simulated-installation";
import { SimulatedMachine } from "#test/chaos/fast/simulated-machine";
import type { Container, MachineWorld, Overlap, RunFacts, SimulatedEngine } from "#test/chaos/fast/simulated-machine";
import { jobNow } from "#test/chaos/fast/simulated-process";
import type { ExecutionStatus, WorkflowTask } from "#test/chaos/fast/simulated-temporal";
import { Simulation } from "#test/chaos/fast/simulation";
import { samplePlan, sampleEnvironment } from "#test/support/sample-plan";
import { sampleRun } from "#test/support/sample-run";
import type { ResumedSweep } from "#workflows/messages";

const MAIN_SEC = 10;
export const DEADLINE_SEC = 100;
/** Longer than any time limit of the product: then somebody waits for ever. */
const PATIENCE_MS = 24 * 3600_000;
/** What is promised after the last deadline, and a pass more. */
const CLEAN_AFTER_MS = 5 * 60_000;
const OPERATOR_LOOKS_EVERY_MS = 20_000;
/** Whether all is done is asked after so many events. */
const LOOK_EVERY = 16;
const RIVAL_RUN = "rival-p1-r1-a1";

export interface PlayedSweep {
  readonly sweepId: string;
  readonly plan: Plan;
  readonly schedule: SweepPlan;
}

export interface Decoy {
  readonly engine: SimulatedEngine;
  readonly container: Container;
}

/** A world after its schedule. */
export class World implements MachineWorld, TroubledWorld {
  readonly sim: Simulation;
  readonly schedule: Schedule;
  readonly runs = new Map<string, RunFacts>();
  readonly overlaps: Overlap[] = [];
  readonly misdeeds: string[] = [];
  containersMade = 0;
  readonly engines: SimulatedEngine[] = [];
  readonly ours: SimulatedInstallation;
  readonly rival: SimulatedInstallation | undefined;
  readonly sweeps: PlayedSweep[];
  readonly decoys: Decoy[] = [];
  readonly decoyFiles: string[] = [];
  readonly oracles: QueueOracle[] = [];
  isSettled = false;
  /** Where a worker kills itself; once. */
  crashAt: CrashMoment | undefined;
  /** When the workflows of runs came to their own end, by run id. */
  readonly endedAtMs = new Map<string, number>();
  /** How each sweep's newest workflow ended; nothing of one that is under way, or that the server forgot. */
  readonly sweepEndings = new Map<string, ExecutionStatus>();
  readonly #givenBack = new Set<string>();
  /** Workflows of sweeps that have heard that they are to stop. */
  readonly #stopping = new Set<string>();
  readonly trouble: Trouble;

  constructor(schedule: Schedule) {
    this.schedule = schedule;
    this.sim = new Simulation(schedule.seed);
    this.trouble = new Trouble(this, schedule.faults);
    const { hosts, rival, hasSpareWorker, continueAsNewAfter, skewsMs } = schedule;
    const first = new SimulatedMachine(this.sim, "m1", this);
    const second = hosts === "two machines" ? new SimulatedMachine(this.sim, "m2", this) : first;
    this.engines.push(first.addEngine("e1"));
    if (hosts !== "one") this.engines.push(second.addEngine("e2"));
    const shared = { skewsMs, continueAsNewAfter };
    const hostPlans = this.engines.map((engine, i) => ({ id: `h${i + 1}`, engine, machine: engine.machine.name }));
    this.ours = new SimulatedInstallation(this.sim, { name: "ours", hosts: hostPlans, hasSpareWorker, ...shared });
    const machine = rival === "same machine" ? first.name : "m9";
    const rivalHosts = [{ id: "hx", engine: this.engines[0]!, machine }];
    const rivalPlan = { name: "rival", hosts: rivalHosts, hasSpareWorker: false, ...shared };
    this.rival = rival === "none" ? undefined : new SimulatedInstallation(this.sim, rivalPlan);
    const processes = this.installations.flatMap(({ workers }) => workers);
    resetEdges(processes, (at) => this.#crash(at));
    this.sweeps = schedule.sweeps.map((sweep, i) => ({
      sweepId: `s${i + 1}`,
      schedule: sweep,
      plan: planOf(sweep, `h${Math.min(sweep.host + 1, hostPlans.length)}`),
    }));
    this.#plantDecoys();
    for (const installation of this.installations) this.#watchQueues(installation);
  }

  get installations(): SimulatedInstallation[] {
    return this.rival ? [this.ours, this.rival] : [this.ours];
  }

  isInLedger(runId: string): boolean {
    return this.installations.some(({ store, hosts }) =>
      hosts.some(({ id }) => store.listOpenIntents(id).some(({ run }) => run.runId === runId)),
    );
  }

  hasGivenBack(runId: string): boolean {
    return this.#givenBack.has(runId);
  }

  /** Runs of one installation may; a worker elsewhere sees the engine only, whatever else its machine does. */
  mayShareMachine(runId: string, other: string): boolean {
    return this.schedule.rival === "same engine" || this.domainOf(runId) === this.domainOf(other);
  }

  /** Whose run it is. */
  domainOf(runId: string): string {
    return runId === RIVAL_RUN ? "rival" : "ours";
  }

  async play(): Promise<this> {
    for (const sweep of this.sweeps) {
      this.sim.after(sweep.schedule.startsAtSec * 1000, () => {
        if (this.ours.store.findSweep(sweep.sweepId) === undefined) this.#queueSweep(sweep);
      });
    }
    if (this.rival) this.sim.after(10_000, () => this.#queueRival());
    for (const installation of this.installations) installation.keepReaping();
    this.sim.after(OPERATOR_LOOKS_EVERY_MS, () => this.#operate());
    this.isSettled = await this.sim.run(() => {
      this.trouble.injectWhatIsDue();
      if (this.sim.eventsDone % LOOK_EVERY !== 0) return false;
      return this.#isBroken || this.#isEverythingDone();
    }, PATIENCE_MS);
    if (this.isSettled && !this.#isBroken) await this.sim.run(() => false, DEADLINE_SEC * 1000 + CLEAN_AFTER_MS);
    return this;
  }

  get #isBroken(): boolean {
    return this.installations.some(({ temporal }) => temporal.workflowTaskFailure !== undefined);
  }

  /** What a sweep has yet to measure, by its rows. */
  workLeftOf({ sweepId, plan }: PlayedSweep): number {
    const past = this.ours.store.listRuns(sweepId).map((row) => pastAttemptOf(row));
    return workLeft(plan.runs, past, plan.spec.attempts).length;
  }

  #isEverythingDone(): boolean {
    if (!this.trouble.isMended || !this.installations.every(isIdle)) return false;
    const begun = this.sweeps.every(({ sweepId }) => this.ours.store.findSweep(sweepId) !== undefined);
    const isRivalDone = this.rival === undefined || this.rival.store.hasRun(RIVAL_RUN);
    return begun && isRivalDone && this.sweeps.every((sweep) => this.workLeftOf(sweep) === 0);
  }

  // Who asks.

  #queueSweep({ sweepId, plan, schedule: { priority } }: PlayedSweep, resumed?: ResumedSweep): void {
    const input = { sweepId, plan: packPlan(plan), sourceSha: "", priority, ...(resumed && { resumed }) };
    if (!this.ours.temporal.isUp) return;
    if (this.ours.temporal.start("sweepWorkflow", sweepWorkflowId(sweepId), [input])) {
      this.sweepEndings.delete(sweepId);
      this.sim.tell("operator", resumed ? `resumes ${sweepId}` : `queues ${sweepId}`);
    }
  }

  #queueRival(): void {
    if (!this.rival?.temporal.isUp || this.rival.store.hasRun(RIVAL_RUN)) return;
    const environment = { name: "on-hx", host: "hx" };
    const run = sampleRun({
      runId: RIVAL_RUN,
      sweepId: sweepIdOf(RIVAL_RUN),
      environment,
      point: { environment: "on-hx", durationSec: MAIN_SEC, ratePerMin: 30, aggregation: 10 },
      deadlineSec: DEADLINE_SEC,
    });
    this.rival.temporal.start("benchmarkRunWorkflow", runWorkflowId(RIVAL_RUN), [
      { run, ...(this.runs.has(RIVAL_RUN) && { earlier: "unknown" }) },
    ]);
  }

  /** Starts again what is dead, takes up again what has ended half-way, lets go on what is paused. */
  #operate(): void {
    this.sim.after(OPERATOR_LOOKS_EVERY_MS, () => this.#operate());
    if (!this.trouble.isOver) return;
    const { temporal, store } = this.ours;
    for (const sweep of this.sweeps) {
      const { sweepId } = sweep;
      const workflowId = sweepWorkflowId(sweepId);
      if (temporal.isRunning(workflowId)) {
        if (store.findSweep(sweepId)?.status === "PAUSED") temporal.update(workflowId, "resumeSweep");
        continue;
      }
      const record = store.findSweep(sweepId);
      if (record === undefined) this.#queueSweep(sweep); // the server was away when it was to begin
      else if (this.workLeftOf(sweep) > 0) {
        const { environments } = JSON.parse(record.pinJson ?? "{}") as SweepPin;
        this.#queueSweep(sweep, { startedAt: record.startedAt, environments });
      }
    }
    this.#queueRival();
  }

  // Who looks.

  onHistoryLost({ name }: SimulatedInstallation): void {
    for (const oracle of this.#oraclesOf.get(name) ?? []) oracle.forget();
    this.#stopping.clear();
  }

  readonly #oraclesOf = new Map<string, QueueOracle[]>();

  #watchQueues({ name, temporal, hosts }: SimulatedInstallation): void {
    const ids = new Set(hosts.map(({ id }) => id));
    const oracles = [...ids].map(
      (id) =>
        new QueueOracle(id, {
          isRunning: (workflowId) => temporal.isRunning(workflowId),
          occupies: (workflowId) => this.#hasNodes(runIdOfWorkflow(workflowId)),
        }),
    );
    this.#oraclesOf.set(name, oracles);
    this.oracles.push(...oracles);
    temporal.onTask = (task) => {
      for (const oracle of oracles) oracle.onTask(task);
      this.#noteGivenBack(task);
      this.#noteStopping(task);
    };
    temporal.onClosed = (workflowId, status) => {
      for (const oracle of oracles) oracle.onClosed(workflowId, status);
      this.#noteEnd(workflowId, status);
      this.#noteSweepEnd(workflowId, status);
    };
  }

  /** From then on it makes nothing any more, unless it is begun again. */
  #noteGivenBack({ workflowId, jobs, commands }: WorkflowTask): void {
    if (!workflowId.startsWith("run-")) return;
    const runId = runIdOfWorkflow(workflowId);
    if (jobs.some(({ initializeWorkflow }) => initializeWorkflow)) this.#givenBack.delete(runId);
    const sent = commands.map(({ signalExternalWorkflowExecution: signal }) => signal?.signalName);
    if (sent.includes("releaseHost")) this.#givenBack.add(runId);
  }

  /** A sweep that was cancelled begins nothing any more, unless it is resumed. */
  #noteStopping({ workflowId, jobs, commands }: WorkflowTask): void {
    if (!workflowId.startsWith("sweep-")) return;
    const begun = commands.flatMap(({ startChildWorkflowExecution: child }) => child?.workflowId ?? []);
    if (this.#stopping.has(workflowId))
      this.misdeeds.push(...begun.map((id) => `${id} began after ${workflowId} was cancelled`));
    if (jobs.some(({ cancelWorkflow }) => cancelWorkflow)) this.#stopping.add(workflowId);
  }

  #noteSweepEnd(workflowId: string, status: ExecutionStatus): void {
    if (!workflowId.startsWith("sweep-") || status === "CONTINUED_AS_NEW") return;
    this.#stopping.delete(workflowId);
    this.sweepEndings.set(workflowId.slice("sweep-".length), status);
  }

  /** A run comes to its own end once its row is stored, and not before. */
  #noteEnd(workflowId: string, status: ExecutionStatus): void {
    if (!workflowId.startsWith("run-") || (status !== "COMPLETED" && status !== "CANCELLED")) return;
    const runId = runIdOfWorkflow(workflowId);
    this.endedAtMs.set(runId, this.sim.elapsedMs);
    const hasRow = this.installations.some(({ store }) => store.hasRun(runId));
    if (!hasRow) this.misdeeds.push(`${runId} is ${status} and has no row`);
  }

  /** Once, where a test says so. */
  #crash({ step, moment }: CrashMoment): void {
    if (this.crashAt?.step !== step || this.crashAt.moment !== moment) return;
    this.crashAt = undefined;
    const { process } = jobNow();
    const installation = this.installations.find(({ workers }) => workers.includes(process));
    if (installation === undefined) return;
    this.trouble.kill(installation, process, 2);
    throw new Error("killed");
  }

  #hasNodes(runId: string): boolean {
    return this.engines.some((engine) => engine.nodesOf(runId).length > 0 || engine.networks.has(`network-${runId}`));
  }

  /** What looks like ours and is not, and what is ours by name only. */
  #plantDecoys(): void {
    const [engine] = this.engines;
    if (engine === undefined) return;
    const past = "2020-01-01T00:00:00.000Z";
    const labels: Readonly<Record<string, string>>[] = [
      {},
      { [LABEL.run]: "s1-p1-r1-a1", [LABEL.host]: "elsewhere", [LABEL.deadline]: past },
      { [LABEL.run]: "not a run", [LABEL.host]: "h1", [LABEL.deadline]: past },
      { [LABEL.run]: "s1-p1-r1-a1", [LABEL.deadline]: past },
      { "meshbench.running": "s1-p1-r1-a1", host: "h1" },
    ];
    for (const [i, some] of labels.entries()) {
      const container = { id: `decoy-${i}`, name: `s1-p1-r1-a1-n1-${i}`, labels: some };
      engine.containers.set(container.name, container);
      this.decoys.push({ engine, container });
    }
    for (const path of ["/m1/locks/readme.txt", "/m1/ours/h1/spool/notes"]) {
      writeDecoyFile(path, "not ours");
      this.decoyFiles.push(path);
    }
  }
}

/** But for the reaper's schedule, which never ends. */
const isIdle = ({ temporal }: SimulatedInstallation): boolean =>
  temporal.isUp && temporal.runningIds().every((id) => id.startsWith("reap-"));

function planOf({ modes, repetitions, keepsFailed, isInterleaved }: SweepPlan, host: string): Plan {
  const plan = samplePlan({
    host,
    environments: [sampleEnvironment(host)],
    repetitions,
    order: isInterleaved ? "interleaved" : "declared",
    keep: keepsFailed ? "on-failure" : "never",
    deadlineSec: DEADLINE_SEC,
    factors: {
      mode: modes === 1 ? ["replicated"] : ["replicated", "baseline"],
      nodes: [2],
      rate: [30],
      aggregation: [10],
      durationSec: [MAIN_SEC],
      engine: ["innodb"],
      client: ["batched"],
      release: ["agreed"],
      resolve: ["addresses"],
      phase: ["aligned"],
      cpus: [],
      memoryMib: [],
    },
  });
  return plan;
}
