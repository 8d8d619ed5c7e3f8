/** Two installations on two machines that share one engine: their host queues know nothing of each other. */

import { randomBytes } from "node:crypto";
import { afterAll, afterEach, expect, test } from "vitest";
import { openMysqlNodeDatabase } from "#activities/database/mysql-node-database";
import { deriveFenceToken, derivePassword, derivePeerPassword, verifierOf } from "#activities/database/password";
import { LockFiles } from "#activities/fence/lock-files";
import { ImageBuilds } from "#activities/image/image-builds";
import { RemoteHostGuards } from "#activities/guards/host-guards";
import { createHostActivities } from "#activities/host-activities";
import { DEFAULT_TIMING } from "#activities/host-dependencies";
import type { HostActivities } from "#activities/index";
import { DEFAULT_GUARDS } from "#model/guards";
import type { RunSpec } from "#model/run";
import { docker, DOCKER_ENVIRONMENT, openDockerProvider } from "#test/support/docker-harness";
import { failureOf } from "#test/support/failures";
import { sampleRun } from "#test/support/sample-run";
import { TempDir } from "#test/support/temp-dir";

const dir = new TempDir();
const secret = randomBytes(32).toString("hex");
const installations: Installation[] = [];

class Installation {
  readonly host = `fence-${randomBytes(3).toString("hex")}`;
  readonly provider = openDockerProvider({ hostId: this.host });
  readonly activities: HostActivities;
  readonly runs: RunSpec[] = [];

  constructor({ fenceWaitMs }: { fenceWaitMs: number }) {
    installations.push(this);
    this.activities = createHostActivities({
      host: this.host,
      domain: this.host,
      fenceToken: (runId) => deriveFenceToken(`${secret}${this.host}`, runId),
      providers: new Map([["docker", this.provider]]),
      machineFence: new LockFiles(dir.join(this.host)),
      imageBuilds: new ImageBuilds(),
      openDatabase: openMysqlNodeDatabase(secret),
      credentials: {
        workerVerifier: (runId) => verifierOf(derivePassword(secret, runId)),
        peerPassword: (runId) => derivePeerPassword(secret, runId),
      },
      spoolDir: dir.join("spool"),
      keptLogsDir: dir.join("logs"),
      askRunOutcome: () => Promise.resolve("unknown"),
      currentContext: () => ({
        signal: new AbortController().signal,
        attempt: 1,
        scheduledAtMs: Date.now(),
        attemptScheduledAtMs: Date.now(),
        heartbeat: () => {},
      }),
      timing: { ...DEFAULT_TIMING, fenceWaitMs },
      guards: new RemoteHostGuards(DEFAULT_GUARDS),
    });
  }

  async prepareRun(): Promise<RunSpec> {
    const environment = await this.activities.prepareEnvironment({
      environment: { ...DOCKER_ENVIRONMENT, host: this.host },
    });
    const run = sampleRun({ runId: `${this.host}-p1-r${this.runs.length + 1}-a1`, environment, point: { nodes: 1 } });
    this.runs.push(run);
    return run;
  }

  provision(run: RunSpec, deadlineInSec = 300) {
    const deadlineAt = new Date(Date.now() + deadlineInSec * 1000).toISOString();
    return this.activities.provisionNodes({ run, deadlineAt });
  }

  async ownContainers(): Promise<number> {
    return (await this.provider.listLabelled()).filter(({ host }) => host === this.host).length;
  }

  prove() {
    return this.activities.proveHostClean({ host: this.host, keptRunIds: [] });
  }
}

afterEach(async () => {
  for (const { activities, runs } of installations.splice(0)) {
    for (const { runId } of runs) await activities.destroyNodes({ runId });
  }
});
afterAll(() => dir[Symbol.dispose]());

test("the second one creates nothing while the first measures, sees why, and goes on as soon as that is gone", async () => {
  // Other suites may have the engine right now.
  const mine = new Installation({ fenceWaitMs: 150_000 });
  const theirs = new Installation({ fenceWaitMs: 0 });
  const [run, other] = [await mine.prepareRun(), await theirs.prepareRun()];
  await mine.provision(run);
  const failure = await failureOf(theirs.provision(other));
  expect(failure).toMatchObject({ kind: "fenced", host: theirs.host, step: "provision", nonRetryable: true });
  expect(failure.message).toContain(`run ${run.runId} of another installation's host ${mine.host}`);
  expect(await theirs.ownContainers()).toBe(0);
  expect((await theirs.prove()).left).toEqual([
    expect.stringContaining(`fence container meshbench-lease of run ${run.runId}`),
  ]);
  await mine.activities.destroyNodes({ runId: run.runId });
  const next = new Installation({ fenceWaitMs: 150_000 });
  await next.provision(await next.prepareRun());
});

test("a holder whose lease was taken over creates no node and hands out no work", async () => {
  const mine = new Installation({ fenceWaitMs: 150_000 });
  const run = await mine.prepareRun();
  const { nodes } = await mine.provision(run);
  const [lease] = await docker.listContainers({ all: true, filters: { name: ["^/meshbench-lease$"] } });
  await docker.getContainer(lease!.Id).remove();
  const theirs = new Installation({ fenceWaitMs: 150_000 });
  await theirs.provision(await theirs.prepareRun());
  expect(await failureOf(mine.activities.passBarrier({ run, nodes }))).toMatchObject({ kind: "fenced", step: "sync" });
  await mine.activities.destroyNodes({ runId: run.runId });
  expect(await theirs.ownContainers()).toBe(2);
});
