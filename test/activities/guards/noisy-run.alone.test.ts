import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { openMysqlNodeDatabase } from "#activities/database/mysql-node-database";
import { derivePassword, derivePeerPassword, verifierOf } from "#activities/database/password";
import { LocalHostGuards } from "#activities/guards/host-guards";
import { createHostActivities } from "#activities/host-activities";
import { DEFAULT_TIMING } from "#activities/host-dependencies";
import type { HostActivities } from "#activities/index";
import { DEFAULT_GUARDS } from "#model/guards";
import { DOCKER_ENVIRONMENT, openDockerProvider } from "#test/support/docker-harness";
import { startForeignLoad } from "#test/support/foreign-load";
import type { Load } from "#test/support/foreign-load";
import { HostHarness, STARTED_AT } from "#test/support/host-harness";
import { sampleRun } from "#test/support/sample-run";

const LIMIT_PCT = 5;

/** Real nodes and real guards on a host that is a harness' otherwise. */
function createActivities(host: HostHarness): HostActivities {
  const secret = randomBytes(32).toString("hex");
  const guards = new LocalHostGuards({ ...DEFAULT_GUARDS, foreignCpuPct: LIMIT_PCT });
  return createHostActivities({
    ...host.dependencies,
    providers: new Map([["docker", openDockerProvider()]]),
    openDatabase: openMysqlNodeDatabase(secret),
    credentials: {
      workerVerifier: (runId) => verifierOf(derivePassword(secret, runId)),
      peerPassword: (runId) => derivePeerPassword(secret, runId),
    },
    timing: DEFAULT_TIMING,
    // What the machine does before the run is not what this test is about.
    guards: Object.assign(guards, { awaitQuiet: () => Promise.resolve() }),
  });
}

test("other load beside the main loop makes a run INVALID, with its share; the data is proven", async () => {
  using host = new HostHarness();
  const activities = createActivities(host);
  const environment = await activities.prepareEnvironment({ environment: DOCKER_ENVIRONMENT });
  const sweepId = `noisy-${randomBytes(3).toString("hex")}`;
  const runId = `${sweepId}-p1-r1-a1`;
  const run = sampleRun({ runId, sweepId, environment, warmupSec: 0, point: { ratePerMin: 600, durationSec: 3 } });
  const loads: Load[] = [];
  try {
    const deadlineAt = new Date(Date.now() + 120_000).toISOString();
    const { nodes } = await activities.provisionNodes({ run, deadlineAt });
    await activities.passBarrier({ run, nodes });
    loads.push(await startForeignLoad());
    await activities.followMainLoop({ run, nodes });
    await activities.finaliseRun({ run, nodes });
    const { row } = await activities.collectRun({ run, nodes, startedAt: STARTED_AT });
    expect(row).toMatchObject({ status: "INVALID", consistent: true });
    const told = /^noisy host: (\d+) % of the host's CPU was foreign, most of it .+, limit 5 %/.exec(row.reason);
    expect(Number(told?.[1])).toBeGreaterThan(LIMIT_PCT);
  } finally {
    for (const load of loads) load.stop();
    await activities.destroyNodes({ runId });
  }
});
