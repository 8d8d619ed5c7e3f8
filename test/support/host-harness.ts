/** One host with a provider and databases in memory, its activities, and their heartbeats; nothing takes time. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHostActivities } from "#activities/host-activities";
import { RemoteHostGuards } from "#activities/guards/host-guards";
import { LockFiles } from "#activities/fence/lock-files";
import { ImageBuilds } from "#activities/image/image-builds";
import type { HostDependencies } from "#activities/host-dependencies";
import type { HostActivities } from "#activities/index";
import type { StepContext } from "#activities/step";
import { DEFAULT_GUARDS } from "#model/guards";
import type { RunOutcome } from "#model/reaping";
import type { NodeHandle, RunSpec, StepProgress } from "#model/run";
import { FakeNodeDatabases } from "#test/support/fake-node-database";
import { FakeProvider } from "#test/support/fake-provider";

export const STARTED_AT = "2026-01-01T00:00:00.000Z";
export const DEADLINE_AT = "2126-01-01T00:00:00.000Z";

export class HostHarness implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "meshbench-host-"));
  readonly provider = new FakeProvider();
  readonly databases: FakeNodeDatabases;
  readonly outcomes = new Map<string, RunOutcome>();
  readonly heartbeats: (StepProgress | undefined)[] = [];
  readonly cancellation = new AbortController();
  scheduledAtMs = Date.now();
  attemptScheduledAtMs = Date.now();
  attempt = 1;
  /** Another one is another installation's, with a secret of its own. */
  fenceToken = (runId: string): string => `token-of-${runId}`;
  readonly dependencies: HostDependencies;
  readonly activities: HostActivities;

  /** @param options.stepOnRead - Programs go one phase further each time their progress is read. */
  constructor({ stepOnRead = true }: { stepOnRead?: boolean } = {}) {
    this.databases = new FakeNodeDatabases({ stepOnRead });
    this.dependencies = {
      host: "here",
      providers: new Map([["docker", this.provider]]),
      openDatabase: this.databases.open,
      credentials: { workerVerifier: () => `*${"A".repeat(40)}`, peerPassword: (runId) => `peer-of-${runId}` },
      spoolDir: join(this.dir, "spool"),
      keptLogsDir: join(this.dir, "logs"),
      askRunOutcome: (runId) => Promise.resolve(this.outcomes.get(runId) ?? "unknown"),
      domain: "test",
      fenceToken: (runId) => this.fenceToken(runId),
      machineFence: new LockFiles(join(this.dir, "locks")),
      currentContext: () => this.#context(),
      timing: {
        pollMs: 2,
        readinessPollMs: 1,
        answerLimitMs: 200,
        unresponsiveMs: 40,
        overloadedMs: 500,
        routeCheckMs: 20,
        fencePollMs: 2,
        fenceWaitMs: 20,
        buildWaitMs: 20,
      },
      imageBuilds: new ImageBuilds(),
      guards: new RemoteHostGuards(DEFAULT_GUARDS),
    };
    this.activities = createHostActivities(this.dependencies);
  }

  provision(run: RunSpec): Promise<{ nodes: NodeHandle[]; provisionSec: number | null }> {
    return this.activities.provisionNodes({ run, deadlineAt: DEADLINE_AT });
  }

  /** A run's nodes as somebody else would have made them, who asked nobody. */
  async intrude(run: RunSpec, deadlineAt = DEADLINE_AT): Promise<void> {
    const { signal } = this.cancellation;
    await this.provider.ensureRun(run, deadlineAt, signal);
    for (let index = 1; index <= run.point.nodes; index++) {
      const { sizing } = run;
      await this.provider.ensureNode(run, { index, deadlineAt, workerVerifier: "", sizing }, signal);
    }
  }

  /** All steps up to `done`. */
  async measure(run: RunSpec): Promise<NodeHandle[]> {
    const { nodes } = await this.provision(run);
    await this.activities.passBarrier({ run, nodes });
    await this.activities.followMainLoop({ run, nodes });
    await this.activities.finaliseRun({ run, nodes });
    return nodes;
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  #context(): StepContext {
    return {
      signal: this.cancellation.signal,
      scheduledAtMs: this.scheduledAtMs,
      attemptScheduledAtMs: this.attemptScheduledAtMs,
      attempt: this.attempt,
      heartbeat: (progress) => this.heartbeats.push(progress),
    };
  }
}
