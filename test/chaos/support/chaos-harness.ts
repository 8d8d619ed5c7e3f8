/**
 * An installation of its own to break things in: sweeps are started as users start them, a fault waits for the step that
 * the product reports, and afterwards every invariant is checked (`invariants.ts`).
 */

import { setTimeout as delay } from "node:timers/promises";
import { WorkflowNotFoundError } from "@temporalio/client";
import type { Client } from "@temporalio/client";
import { runIdOf, runWorkflowId } from "#model/ids";
import type { RunRow, SweepDocument } from "#model/result-row";
import type { Step } from "#model/run";
import { InstallationHarness, parseSweep } from "#test/support/installation-harness";
import type { HarnessOptions } from "#test/support/installation-harness";
import type { CommandResult, RunningCommand } from "#test/support/meshbench-command";
import { Decoys } from "#test/chaos/support/decoys";
import { EngineEvents } from "#test/chaos/support/engine-events";
import { findViolations } from "#test/chaos/support/invariants";
import { SecretCanary } from "#test/chaos/support/secret-canary";
import { ACTIVITY_OF, activityOf, readStep } from "#test/chaos/support/workflow-histories";
import type { StepRecord } from "#test/chaos/support/workflow-histories";

/** Long enough to be hit, short enough for a suite. */
const DURATION_SEC = 4;
/** Runs of other installations on this machine may have to end first. */
const STEP_LIMIT_SEC = 300;
const POLL_MS = 50;

export interface ChaosSpec {
  readonly nodes?: number;
  readonly durationSec?: number;
  /** Any other key of a spec. */
  readonly rest?: Readonly<Record<string, unknown>>;
  /** More arguments of `meshbench run`. */
  readonly args?: readonly string[];
}

export class ChaosHarness implements AsyncDisposable {
  readonly installation: InstallationHarness;
  readonly events: EngineEvents;
  readonly decoys: Decoys;
  readonly canary: SecretCanary;
  #sweeps: ChaosSweep[] = [];

  private constructor(installation: InstallationHarness, events: EngineEvents, decoys: Decoys) {
    this.installation = installation;
    this.events = events;
    this.decoys = decoys;
    this.canary = new SecretCanary(installation);
  }

  static async up(options: HarnessOptions = {}): Promise<ChaosHarness> {
    const events = EngineEvents.open();
    let installation: InstallationHarness | undefined;
    try {
      installation = await InstallationHarness.up(options);
      return new ChaosHarness(installation, events, await Decoys.plant(installation.hostId));
    } catch (error) {
      await events[Symbol.asyncDispose]();
      await installation?.[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Those started since the last check. */
  get sweeps(): readonly ChaosSweep[] {
    return this.#sweeps;
  }

  /** Queues a small sweep of one run and follows it: two nodes and four seconds unless said. */
  async startSweep(
    name: string,
    { nodes = 2, durationSec = DURATION_SEC, rest, args = [] }: ChaosSpec = {},
  ): Promise<ChaosSweep> {
    const spec = this.installation.writeSpec(name, { nodes, duration: `${durationSec}s`, ...rest });
    const command = this.installation.start("run", spec, "--json", ...args);
    const sweep = new ChaosSweep(this, await command.sweepId(), command, durationSec);
    this.#sweeps.push(sweep);
    this.canary.addRun(sweep.runId);
    await this.decoys.plantBeside(sweep.runId);
    return sweep;
  }

  /**
   * Checks every invariant for the sweeps started since the last check; waits for what has time to become true.
   * @returns A line for each violation, beginning with the invariant's number.
   */
  async violations(): Promise<string[]> {
    const found = await findViolations(this);
    this.#sweeps = [];
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using parts = new AsyncDisposableStack();
    parts.use(this.installation);
    parts.use(this.decoys);
    parts.use(this.events);
  }
}

export class ChaosSweep {
  readonly id: string;
  readonly command: RunningCommand;
  readonly durationSec: number;
  readonly #harness: ChaosHarness;
  /** Milliseconds since 1970; `undefined` while the fault lasts. */
  faultEndedAtMs: number | undefined;
  /** What its follower printed when it ended. */
  output: CommandResult | undefined;

  constructor(harness: ChaosHarness, id: string, command: RunningCommand, durationSec: number) {
    this.#harness = harness;
    this.id = id;
    this.command = command;
    this.durationSec = durationSec;
  }

  /** Of its first run's first attempt, or of another one. */
  get runId(): string {
    return this.runIdOf({});
  }

  runIdOf({ point = 1, repetition = 1, attempt = 1 }: { point?: number; repetition?: number; attempt?: number }) {
    return runIdOf({ sweepId: this.id, point, repetition, attempt });
  }

  /**
   * Until the run's workflow has asked for this step's activity, told by Temporal at once; in the main loop, until tuples
   * are inserted. Looks for secrets where nodes are there.
   */
  async untilStep(step: Step, runId = this.runId): Promise<void> {
    const { installation, canary } = this.#harness;
    if (step === "main" && runId === this.runId) await installation.untilMainLoop(this.id, STEP_LIMIT_SEC);
    else await installation.withClient((client) => untilScheduled(client, runId, ACTIVITY_OF[step]));
    // Later steps pass too quickly to look around in.
    if (step !== "main") return;
    const { containersSearched } = await canary.look();
    if (containersSearched === 0) throw new Error("no container was there to look for secrets in");
  }

  /** How its first run passed a step, once it has. */
  step(step: Step): Promise<StepRecord> {
    return readStep(this.#harness.installation, this.runId, step);
  }

  /** From now on everything has to come right in time. */
  faultIsOver(): void {
    this.faultEndedAtMs = Date.now();
  }

  /** Until the follower ends. @throws Where it printed no document. */
  async ended(): Promise<{ exitCode: number | null; status: SweepDocument["status"]; rows: readonly RunRow[] }> {
    this.output = await this.command.finished;
    const { exitCode, stdout, stderr } = this.output;
    if (stdout === "") throw new Error(`meshbench run: exit ${exitCode}\n${stderr}`);
    const { status, runs } = parseSweep(this.output);
    return { exitCode, status, rows: runs };
  }
}

async function untilScheduled(client: Client, runId: string, activity: string): Promise<void> {
  const { namespace } = client.options;
  const execution = { workflowId: runWorkflowId(runId) };
  const deadline = performance.now() + STEP_LIMIT_SEC * 1000;
  let nextPageToken: Uint8Array = new Uint8Array();
  while (performance.now() < deadline) {
    const page = await client
      .withDeadline(Date.now() + STEP_LIMIT_SEC * 1000, () =>
        client.workflowService.getWorkflowExecutionHistory({ namespace, execution, waitNewEvent: true, nextPageToken }),
      )
      .catch((error: unknown) => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
    const events = page?.history?.events ?? [];
    if (events.some((event) => activityOf(event) === activity)) return;
    if (page === undefined) await delay(POLL_MS);
    nextPageToken = page?.nextPageToken ?? new Uint8Array();
    if (page !== undefined && nextPageToken.length === 0) throw new Error(`${runId} ended without ${activity}`);
  }
  throw new Error(`${runId} has not asked for ${activity} within ${STEP_LIMIT_SEC} s`);
}

const GRPC_NOT_FOUND = 5;
const isNotFound = (error: unknown): boolean =>
  error instanceof WorkflowNotFoundError || (error as { code?: unknown }).code === GRPC_NOT_FOUND;
