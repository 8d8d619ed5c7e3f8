/**
 * The workflows on a real Temporal server, with hosts and a results store that are nothing but memory. A step can be made
 * to fail before or after its effect, or to stand still until the test lets it go.
 */

import { Context } from "@temporalio/activity";
import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { Worker } from "@temporalio/worker";
import type { WorkflowBundleWithSourceMap } from "@temporalio/worker";
import type { GithubActivities, HostActivities, NightActivities, StoreActivities } from "#activities/index";
import type { ResultsStore } from "#activities/results/results-store";
import { withHeartbeats } from "#activities/step";
import { withFailureBoundary } from "#activities/failure-boundary";
import { askTemporalForRun, createTemporalActivities } from "#activities/temporal";
import {
  GITHUB_QUEUE,
  hostQueueName,
  hostWorkflowId,
  runWorkflowId,
  STORE_QUEUE,
  sweepWorkflowId,
  WORKFLOW_QUEUE,
} from "#model/ids";
import type { HostQueueView } from "#model/host-outlook";
import type { RunRow } from "#model/result-row";
import type { RunSpec, SweepRecord } from "#model/run";
import { sealPin, type SweepPin } from "#model/sweep-pin";
import { pastAttemptOf, rowOfUnfinishedRun } from "#model/run-row";
import { getHostQueueQuery } from "#workflows/messages";
import type { SweepInput, SweepSummary } from "#workflows/messages";
import { bundleWorkflows, startTemporal, TEST_IDENTITY } from "#test/support/temporal";

export type StepName = keyof HostActivities;

interface Attempt {
  isSilent: boolean;
}

function fallSilent(attempt: Attempt): Promise<void> {
  attempt.isSilent = true;
  return Context.current().cancelled;
}

interface Interference {
  readonly step: StepName;
  readonly moment: "before" | "after";
  readonly act: (attempt: Attempt) => Promise<void>;
}

/** A host of the test's own: runs on different ones go on beside each other. */
export class FakeHost {
  readonly id: string;
  /** Runs whose nodes are there, with their deadlines. */
  readonly nodes = new Map<string, string>();
  /** Every call, as `passBarrier sample-p1-r1-a1`. */
  readonly calls: string[] = [];
  /** What was there when nodes of another run were created: two runs at once. */
  readonly overlaps: string[] = [];
  /** Rows that `collectRun` answers instead of a VALID one, by run id. */
  readonly verdicts = new Map<string, Partial<RunRow>>();
  /** Of an interrupted run's nodes; all of them unless said. */
  nodesLeft: number | undefined;
  readonly #interferences: Interference[] = [];
  readonly #askRun: (runId: string) => Promise<string>;

  constructor(id: string, askRun: (runId: string) => Promise<string>) {
    this.id = id;
    this.#askRun = askRun;
  }

  /** The next such step fails, once. `after`: its effect is there, but the workflow does not learn of it. */
  failNext(step: StepName, error: Error, moment: "before" | "after" = "before"): void {
    this.#interferences.push({ step, moment, act: () => Promise.reject(error) });
  }

  /** Like `failNext`, after so many that do not. */
  failLater(step: StepName, error: Error, after: number): void {
    for (let i = 0; i < after; i++) this.#interferences.push({ step, moment: "before", act: () => Promise.resolve() });
    this.failNext(step, error);
  }

  /** The next such step stands still before its effect, until released or cancelled. */
  holdNext(step: StepName): { reached: Promise<void>; release: () => void } {
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const act = async () => {
      reached.resolve();
      await Promise.race([released.promise, Context.current().cancelled]);
    };
    this.#interferences.push({ step, moment: "before", act });
    return { reached: reached.promise, release: () => released.resolve() };
  }

  /** The next such step neither goes on nor heartbeats, like one whose worker was killed. */
  killNext(step: StepName): void {
    this.#interferences.push({ step, moment: "before", act: fallSilent });
  }

  callsOf(step: StepName): string[] {
    return this.calls.filter((call) => call.startsWith(`${step} `)).map((call) => call.slice(step.length + 1));
  }

  /** What a real activity has around it: heartbeats and the failure boundary. */
  #step<T>(step: StepName, subject: string, work: () => T | Promise<T>): Promise<T> {
    this.calls.push(`${step} ${subject}`);
    const attempt: Attempt = { isSilent: false };
    return withHeartbeats(
      () => attempt.isSilent || Context.current().heartbeat(),
      () =>
        withFailureBoundary({ host: this.id }, async () => {
          await this.#takeInterference(step, "before")?.act(attempt);
          const result = await work();
          await this.#takeInterference(step, "after")?.act(attempt);
          return result;
        }),
    );
  }

  #takeInterference(step: StepName, moment: "before" | "after"): Interference | undefined {
    const index = this.#interferences.findIndex((one) => one.step === step && one.moment === moment);
    return index === -1 ? undefined : this.#interferences.splice(index, 1)[0];
  }

  activities(): HostActivities {
    return {
      prepareEnvironment: ({ environment }) =>
        this.#step("prepareEnvironment", environment.name, () => ({
          ...environment,
          imageDigest: environment.image ?? `sha256:${"0".repeat(64)}`,
          isolation: "container",
          facts: {},
        })),
      buildImage: ({ sha }) => this.#step("buildImage", sha, () => ({ image: `sha256:${sha.padEnd(64, "0")}` })),
      findNodes: ({ run }) =>
        this.#step("findNodes", run.runId, () => ({
          found: this.nodes.has(run.runId) ? (this.nodesLeft ?? run.point.nodes) : 0,
        })),
      provisionNodes: ({ run, deadlineAt }) =>
        this.#step("provisionNodes", run.runId, () => {
          for (const other of this.nodes.keys()) {
            if (other !== run.runId) this.overlaps.push(`${other} was there when ${run.runId} came`);
          }
          this.nodes.set(run.runId, deadlineAt);
          return { nodes: nodesOf(run), provisionSec: 0.5 };
        }),
      passBarrier: ({ run }) => this.#step("passBarrier", run.runId, () => undefined),
      followMainLoop: ({ run }) => this.#step("followMainLoop", run.runId, () => undefined),
      finaliseRun: ({ run }) => this.#step("finaliseRun", run.runId, () => undefined),
      collectRun: ({ run, startedAt }) =>
        this.#step("collectRun", run.runId, () => ({
          row: { ...provenRow(run, startedAt), ...this.verdicts.get(run.runId) },
          evidenceParts: 2,
        })),
      fetchEvidence: ({ runId, part }) => this.#step("fetchEvidence", runId, () => ({ data: `${runId} part ${part}` })),
      destroyNodes: ({ runId }) =>
        this.#step("destroyNodes", runId, () => ({
          removed: this.nodes.delete(runId) ? 1 : 0,
          // As a real one: nobody measured a step that an earlier attempt began.
          teardownSec: Context.current().info.attempt > 1 ? null : 0.25,
        })),
      readNodeLogs: ({ runId }) => this.#step("readNodeLogs", runId, () => ({ text: "" })),
      proveHostClean: ({ host, keptRunIds, waitingRunIds = [] }) =>
        this.#step("proveHostClean", host, async () => {
          let removed = 0;
          for (const [runId, deadlineAt] of this.nodes) {
            const isPast = Date.parse(deadlineAt) < Date.now();
            const isLeftover = !keptRunIds.includes(runId) && (await this.#askRun(runId)) === "ended";
            if (isPast || isLeftover) removed += this.nodes.delete(runId) ? 1 : 0;
          }
          const occupant = waitingRunIds.find((runId) => this.nodes.has(runId));
          const left = [...this.nodes.keys()].filter((runId) => runId !== occupant);
          return { removed, left, ...(occupant !== undefined && { occupant }) };
        }),
      reapHost: ({ host }) =>
        this.#step("reapHost", host, () => ({ removed: 0, remainingRunIds: [...this.nodes.keys()] })),
    };
  }
}

/** Keeps every write, so that a second terminal record would show. */
class FakeStore {
  /** Gets all rows and sweeps as well. */
  mirror: Pick<ResultsStore, "saveSweep" | "saveRun"> | undefined;
  readonly rows: RunRow[] = [];
  readonly sweeps: SweepRecord[] = [];
  readonly evidence = new Map<string, string[]>();
  /** Runs that may have left something, with their deadlines. */
  readonly openIntents = new Map<string, string>();
  /** Hosts whose part of the ledger was settled, in order. */
  readonly settled: string[] = [];

  rowsOf(runId: string): RunRow[] {
    return this.rows.filter(({ run_id }) => run_id === runId);
  }

  /** Run ids and statuses, in the order they were recorded. */
  verdictsOf(sweepId: string): string[] {
    return this.rows.filter(({ sweep_id }) => sweep_id === sweepId).map(({ run_id, status }) => `${run_id} ${status}`);
  }

  /** As they changed. */
  statusesOf(sweepId: string): string[] {
    const statuses = this.sweeps.filter((sweep) => sweep.sweepId === sweepId).map(({ status }) => status);
    return statuses.filter((status, i) => status !== statuses[i - 1]);
  }

  /** What the sweep pinned last. */
  pinOf(sweepId: string): SweepPin {
    const pins = this.sweeps.filter((sweep) => sweep.sweepId === sweepId).map(({ pinJson }) => pinJson);
    return JSON.parse(pins.findLast((pin) => pin !== undefined) ?? "null") as SweepPin;
  }

  activities(): StoreActivities {
    return {
      saveSweep: async ({ sweep }) => {
        this.sweeps.push(sweep);
        this.mirror?.saveSweep(sealPin(sweep));
      },
      readAttempts: async ({ sweepId }) => ({
        attempts: this.rows.filter(({ sweep_id }) => sweep_id === sweepId).map((row) => pastAttemptOf(row)),
      }),
      saveIntent: async ({ intent: { run, deadlineAt } }) => void this.openIntents.set(run.runId, deadlineAt),
      closeIntent: async ({ runId }) => void this.openIntents.delete(runId),
      settleLedger: async ({ host }) => {
        this.settled.push(host);
        return { lostRunIds: [] };
      },
      readResults: () => Promise.reject(new Error("nobody asks for results here")),
      saveRun: async ({ row }) => {
        this.rows.push(row);
        this.mirror?.saveRun(row);
      },
      saveLostRun: async ({ row }) => {
        const [known] = this.rowsOf(row.run_id);
        if (known === undefined) this.rows.push(row);
        return { row: known ?? row };
      },
      saveEvidencePart: async ({ runId, data }) => {
        this.evidence.set(runId, [...(this.evidence.get(runId) ?? []), data]);
      },
    };
  }
}

export class WorkflowHarness {
  readonly env: TestWorkflowEnvironment;
  readonly store = new FakeStore();
  readonly #bundle: WorkflowBundleWithSourceMap;
  readonly #running: { worker: Worker; done: Promise<void> }[] = [];

  constructor(env: TestWorkflowEnvironment, bundle: WorkflowBundleWithSourceMap) {
    this.env = env;
    this.#bundle = bundle;
  }

  /**
   * @param dynamicConfig - See `startTemporal`.
   * @param more - Activities that only some workflows need.
   */
  static async start(
    dynamicConfig: readonly string[] = [],
    { nights = {}, github }: { nights?: Partial<NightActivities>; github?: Partial<GithubActivities> } = {},
  ): Promise<WorkflowHarness> {
    const [env, bundle] = await Promise.all([startTemporal(dynamicConfig), bundleWorkflows()]);
    const harness = new WorkflowHarness(env, bundle);
    const temporal = createTemporalActivities({ client: env.client, watchEveryMs: 200 });
    await harness.#serve(WORKFLOW_QUEUE, temporal, harness.#bundle);
    await harness.#serve(STORE_QUEUE, { ...harness.store.activities(), ...nights });
    if (github !== undefined) await harness.#serve(GITHUB_QUEUE, github);
    return harness;
  }

  get client() {
    return this.env.client;
  }

  /** A host with a worker of its own. */
  async addHost(id: string): Promise<FakeHost> {
    const host = new FakeHost(id, askTemporalForRun(this.client));
    await this.#serve(hostQueueName(id), host.activities());
    return host;
  }

  startRun(run: RunSpec) {
    return this.client.workflow.start<(input: { run: RunSpec }) => Promise<RunRow>>("benchmarkRunWorkflow", {
      workflowId: runWorkflowId(run.runId),
      taskQueue: WORKFLOW_QUEUE,
      args: [{ run }],
    });
  }

  startSweep(input: SweepInput) {
    return this.client.workflow.start<(input: SweepInput) => Promise<SweepSummary>>("sweepWorkflow", {
      workflowId: sweepWorkflowId(input.sweepId),
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
    });
  }

  hostQueue(host: string): Promise<HostQueueView> {
    return this.client.workflow.getHandle(hostWorkflowId(host)).query(getHostQueueQuery);
  }

  async hostQueueStatus(host: string): Promise<string> {
    return (await this.client.workflow.getHandle(hostWorkflowId(host)).describe()).status.name;
  }

  async close(): Promise<void> {
    for (const { worker } of this.#running) worker.shutdown();
    await Promise.all(this.#running.map(({ done }) => done));
    await this.env.teardown();
  }

  async #serve(taskQueue: string, activities: object, workflowBundle?: WorkflowBundleWithSourceMap): Promise<void> {
    const worker = await Worker.create({
      connection: this.env.nativeConnection,
      taskQueue,
      activities,
      identity: TEST_IDENTITY,
      ...(workflowBundle === undefined ? {} : { workflowBundle }),
      // Cancellation reaches an activity with the answer to a heartbeat; by default those are held back.
      maxHeartbeatThrottleInterval: "100ms",
      shutdownGraceTime: "1s",
    });
    this.#running.push({ worker, done: worker.run() });
  }
}

const nodesOf = ({ runId, point }: RunSpec) =>
  Array.from({ length: point.nodes }, (_, i) => ({
    index: i + 1,
    id: `${runId}-${i + 1}`,
    name: `${runId}-${i + 1}`,
    address: `198.18.0.${i + 1}`,
    port: 3306,
  }));

function provenRow(run: RunSpec, startedAt: string): RunRow {
  const row = rowOfUnfinishedRun({ run, startedAt, failure: { kind: "bug", message: "" } });
  return { ...row, status: "VALID", reason: "", consistent: true, collect_s: 0.1 };
}
