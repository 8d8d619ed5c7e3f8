/** One installation: a Temporal namespace, a results store, hosts, and the workers that serve them. */

import { asyncLocalStorage } from "@temporalio/activity";
import type { Context } from "@temporalio/activity";
import { WorkflowNotFoundError } from "@temporalio/client";
import type { Client } from "@temporalio/client";
import { LockFiles } from "#activities/fence/lock-files";
import { ImageBuilds } from "#activities/image/image-builds";
import { RemoteHostGuards } from "#activities/guards/host-guards";
import { createHostActivities } from "#activities/host-activities";
import { DEFAULT_TIMING } from "#activities/host-dependencies";
import type { HostDependencies } from "#activities/host-dependencies";
import { reapHost, remainingRunIds } from "#activities/reap-host";
import type { AskRunOutcome } from "#activities/reap-host";
import type { ResultsStore } from "#activities/results/results-store";
import { settleLedger } from "#activities/settle-ledger";
import { createStoreActivities } from "#activities/store-activities";
import type { StepContext } from "#activities/step";
import { askTemporalForRun, createTemporalActivities } from "#activities/temporal";
import { DEFAULT_GUARDS } from "#model/guards";
import { hostQueueName, STORE_QUEUE, WORKFLOW_QUEUE } from "#model/ids";
import type { RunIntent } from "#model/ledger";
import { REAP_HOST_WORKFLOW } from "#model/reaping";
import type { RunRow } from "#model/result-row";
import type { SweepRecord } from "#model/run";
import { simulatedDatabase, simulatedProvider } from "#test/chaos/fast/simulated-provider";
import type { SimulatedEngine } from "#test/chaos/fast/simulated-machine";
import { jobNow, SimulatedProcess } from "#test/chaos/fast/simulated-process";
import { SimulatedTemporal } from "#test/chaos/fast/simulated-temporal";
import type { Activities } from "#test/chaos/fast/simulated-activities";
import type { Simulation } from "#test/chaos/fast/simulation";

/** The main loop lasts longer here than in a test with fakes, and is looked at less often. */
const TIMING = { ...DEFAULT_TIMING, pollMs: 4000, readinessPollMs: 1000 };

export interface SimulatedHostPlan {
  readonly id: string;
  readonly engine: SimulatedEngine;
  /** Where its worker runs: not always the engine's own machine. */
  readonly machine: string;
}

export interface SimulatedHost extends SimulatedHostPlan {
  readonly worker: SimulatedProcess;
  readonly dependencies: HostDependencies;
}

/** Writes down every write, so that a second terminal record shows. */
class MemoryStore implements ResultsStore {
  readonly written: RunRow[] = [];
  readonly #sweeps = new Map<string, SweepRecord>();
  readonly #runs = new Map<string, RunRow>();
  readonly #intents = new Map<string, RunIntent>();

  saveSweep(sweep: SweepRecord): void {
    const { pinJson } = this.#sweeps.get(sweep.sweepId) ?? {};
    this.#sweeps.set(sweep.sweepId, { ...(pinJson !== undefined && { pinJson }), ...sweep });
  }
  saveRun(row: RunRow): void {
    this.written.push(row);
    this.#runs.set(row.run_id, row);
  }
  async saveEvidence(): Promise<void> {}
  saveIntent(intent: RunIntent): void {
    this.#intents.set(intent.run.runId, intent);
  }
  closeIntent(runId: string): void {
    this.#intents.delete(runId);
  }
  listOpenIntents(host: string): RunIntent[] {
    return [...this.#intents.values()].filter(({ run }) => run.environment.host === host);
  }
  saveNight(): void {}
  listNights(): [] {
    return [];
  }
  listNightlies(): [] {
    return [];
  }
  listSweeps(): SweepRecord[] {
    return [...this.#sweeps.values()];
  }
  findSweep(sweepId: string): SweepRecord | undefined {
    return this.#sweeps.get(sweepId);
  }
  listRuns(sweepId: string): RunRow[] {
    return [...this.#runs.values()].filter((row) => row.sweep_id === sweepId);
  }
  hasRun(runId: string): boolean {
    return this.#runs.has(runId);
  }
  async readEvidence(): Promise<undefined> {
    return undefined;
  }
  async listNotes(): Promise<[]> {
    return [];
  }
  close(): void {}
}

export interface InstallationPlan {
  readonly name: string;
  readonly hosts: readonly SimulatedHostPlan[];
  /** Of the wall clocks of its workers, one after the other. */
  readonly skewsMs: readonly number[];
  /** A second worker beside the first, for the same hosts. */
  readonly hasSpareWorker: boolean;
  readonly continueAsNewAfter: number;
}

export class SimulatedInstallation {
  readonly name: string;
  readonly sim: Simulation;
  readonly temporal: SimulatedTemporal;
  readonly store = new MemoryStore();
  readonly hosts: SimulatedHost[] = [];
  readonly workers: SimulatedProcess[] = [];
  readonly #plan: InstallationPlan;

  constructor(sim: Simulation, plan: InstallationPlan) {
    this.sim = sim;
    this.name = plan.name;
    this.#plan = plan;
    const { continueAsNewAfter } = plan;
    this.temporal = new SimulatedTemporal(sim, { name: plan.name, runAttempt, continueAsNewAfter });
    for (const [position, host] of plan.hosts.entries()) this.#addWorker(`${host.id}-worker`, host, position);
    const [first] = plan.hosts;
    if (plan.hasSpareWorker && first) this.#addWorker(`${first.id}-spare`, first, plan.hosts.length);
  }

  /** A worker that starts looks first what is left on its host. */
  startWorker(worker: SimulatedProcess): void {
    worker.start();
    for (const { worker: serving, dependencies } of this.hosts) {
      if (serving === worker) void this.#runCommand(worker, () => this.#reapOnce(dependencies, this.store));
    }
    this.temporal.dispatch();
  }

  /** The schedules: a pass over each host every 4 minutes, as long as the server is there. */
  keepReaping(): void {
    const pass = () => {
      if (this.temporal.isUp) {
        for (const { id } of this.#plan.hosts) this.temporal.start(REAP_HOST_WORKFLOW, `reap-${id}`, [{ host: id }]);
      }
      this.sim.after(4 * 60_000, pass);
    };
    this.sim.after(4 * 60_000, pass);
  }

  /** `meshbench reap`, which needs no Temporal. @returns The process, which may be killed in its pass. */
  reapByCommand(hostId: string, isHistoryLost: boolean): SimulatedProcess {
    const plan = this.#plan.hosts.find(({ id }) => id === hostId) ?? this.#plan.hosts[0]!;
    const process = new SimulatedProcess(this.sim, {
      name: `reap-${hostId}`,
      machine: plan.machine,
      skewMs: 0,
    });
    const isAnswering = this.temporal.isUp;
    const ask = askTemporalForRun(this.#client());
    const askRunOutcome: AskRunOutcome = isAnswering
      ? (runId) => ask(runId).catch(() => undefined)
      : async () => undefined;
    const dependencies = { ...this.#dependencies(plan, process), askRunOutcome };
    const ledger = isAnswering || isHistoryLost ? this.store : undefined;
    void this.#runCommand(process, () => this.#reapOnce(dependencies, ledger));
    return process;
  }

  /** Of one host, then its part of the ledger. */
  async #reapOnce(host: HostDependencies, store: ResultsStore | undefined): Promise<void> {
    try {
      const report = await reapHost(host);
      const request = { host: host.host, remainingRunIds: remainingRunIds(report, host.host) };
      if (store) await settleLedger({ store, askRunOutcome: host.askRunOutcome }, request);
    } catch {
      // The engine or the server is away: the next pass comes.
    }
  }

  #runCommand(process: SimulatedProcess, work: () => Promise<void>): Promise<void> {
    const signal = new AbortController().signal;
    const { nowMs } = this.sim;
    const scheduled = { scheduledAtMs: nowMs, attemptScheduledAtMs: nowMs, attempt: 1 };
    const context = { signal, ...scheduled, heartbeat: () => undefined };
    return process.run(context, work);
  }

  #addWorker(name: string, plan: SimulatedHostPlan, position: number): void {
    const skewMs = this.#plan.skewsMs[position % Math.max(1, this.#plan.skewsMs.length)] ?? 0;
    const worker = new SimulatedProcess(this.sim, { name, machine: plan.machine, skewMs });
    const dependencies = this.#dependencies(plan, worker);
    this.workers.push(worker);
    this.hosts.push({ ...plan, worker, dependencies });
    const poll = (queue: string, activities: object) => this.temporal.poll(queue, worker, activities as Activities);
    poll(hostQueueName(plan.id), createHostActivities(dependencies));
    poll(WORKFLOW_QUEUE, createTemporalActivities({ client: this.#client(), watchEveryMs: 15_000 }));
    // One process at a time has the store.
    if (position > 0) return;
    const { askRunOutcome } = dependencies;
    const incomingDir = `/${worker.machine}/${this.name}/incoming`;
    poll(STORE_QUEUE, createStoreActivities({ store: this.store, incomingDir, askRunOutcome }));
  }

  #dependencies({ id, engine }: SimulatedHostPlan, process: SimulatedProcess): HostDependencies {
    const { name, temporal } = this;
    const home = `/${process.machine}/${this.name}/${id}`;
    return {
      host: id,
      providers: new Map([["docker", simulatedProvider(engine, id)]]),
      openDatabase: () => simulatedDatabase(engine),
      credentials: { workerVerifier: () => "*", peerPassword: () => "" },
      spoolDir: `${home}/spool`,
      keptLogsDir: `${home}/logs`,
      askRunOutcome: askTemporalForRun(this.#client()),
      // A server that lost its histories is another one.
      get domain() {
        return `${name}-${temporal.generation}`;
      },
      fenceToken: (runId) => `${this.name}-${id}-${runId}`,
      machineFence: new LockFiles(`/${process.machine}/locks`),
      currentContext: () => jobNow().context,
      timing: TIMING,
      imageBuilds: new ImageBuilds(),
      guards: new RemoteHostGuards(DEFAULT_GUARDS),
    };
  }

  /** As much of Temporal's client as activities use. */
  #client(): Client {
    const { temporal } = this;
    const handleOf = (workflowId: string) => ({
      describe: () =>
        call(() => {
          const found = temporal.describe(workflowId);
          if (found === undefined) throw new WorkflowNotFoundError("not found", workflowId, undefined);
          return { status: { name: found.status }, memo: { ...found.memo } };
        }),
      query: (name: string) => call(() => temporal.query(workflowId, name)),
    });
    const signalWithStart = async (
      type: string,
      options: { workflowId: string; args: unknown[]; signal: string; signalArgs: unknown[] },
    ) => {
      const { workflowId, args, signal, signalArgs } = options;
      await call(() => temporal.signalWithStart(type, workflowId, args, signal, signalArgs[0]));
      return handleOf(workflowId);
    };
    return { workflow: { getHandle: handleOf, signalWithStart } } as unknown as Client;
  }
}

/** Of the process that is acting. */
const call = <T>(effect: () => T): Promise<T> => jobNow().process.call(effect);

/** With what activities take from the SDK's own context. */
function runAttempt(process: SimulatedProcess, context: StepContext, work: () => Promise<unknown>): Promise<unknown> {
  const { signal } = context;
  const sdkContext = {
    heartbeat: () => undefined,
    cancellationSignal: signal,
    sleep: (ms: number) =>
      process.wait(ms, signal).catch((error: unknown) => {
        throw signal.aborted ? signal.reason : error;
      }),
  };
  return process.run(context, () => asyncLocalStorage.run(sdkContext as unknown as Context, work));
}
