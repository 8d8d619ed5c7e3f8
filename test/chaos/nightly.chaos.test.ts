/** F55 and what nights are for: a slower commit, from the night it comes with to the issue that is closed. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSqliteStore } from "#activities/results/sqlite-store";
import { findSchedule } from "#cli/nightly/schedules";
import { WORKFLOW_QUEUE } from "#model/ids";
import { nightSweepId, nightWorkflowId } from "#model/nightly";
import type { nightlyWorkflow } from "#workflows/nightly";
import { reportingTo } from "#test/support/github/app-key";
import { packCommit } from "#test/support/github/commit-archive";
import { GithubDouble } from "#test/support/github/github-double";
import { InstallationHarness, until } from "#test/support/installation-harness";

const NAME = "small-nights";
const [GOOD, SLOW, MENDED] = ["a", "b", "c"].map((digit) => digit.repeat(40)) as [string, string, string];
const PLANNED = "(stretch * 60_000_000)";

const slower = (path: string, text: string) =>
  path === join("node", "schedule.ts") ? text.replace(PLANNED, `(1.05 * ${PLANNED})`) : text;

let github: GithubDouble;
let harness: InstallationHarness;

beforeAll(async () => {
  github = await GithubDouble.start();
  github.tarballs.set(GOOD, await packCommit());
  github.tarballs.set(SLOW, await packCommit(slower));
  github.tarballs.set(MENDED, await packCommit());
  harness = await InstallationHarness.up(reportingTo(github));
});

afterAll(async () => {
  await harness?.[Symbol.asyncDispose]();
  await github?.stop();
});

const dateOf = (n: number): string => `2026-01-${String(n).padStart(2, "0")}`;

async function applyNightly(): Promise<void> {
  harness.writeSpec("small", { repetitions: 4 });
  const file = join(harness.home, "nightly.yaml");
  const lines = [
    "version: 1",
    `name: ${NAME}`,
    "spec: small.yaml",
    'cron: "17 3 * * *"',
    "time_zone: Europe/Lisbon",
    "repository: octo/mesh",
    "least: { deviation_pct: 1, lateness_remote_p99_ms: 10000 }",
  ];
  writeFileSync(file, lines.join("\n"));
  await harness.expectExit(0, "nightly", "apply", file);
}

/** As the schedule has it begun that night. */
async function liveNight(n: number, sha: string): Promise<void> {
  github.newest.set("", sha);
  await harness.withClient(async (client) => {
    const scheduled = await findSchedule(client, NAME);
    if (scheduled === undefined) throw new Error("no schedule");
    const handle = await client.workflow.start<typeof nightlyWorkflow>("nightlyWorkflow", {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: nightWorkflowId(NAME, dateOf(n)),
      args: [{ nightly: scheduled.nightly, date: dateOf(n) }],
    });
    await handle.result();
  });
}

/** Nights like the first, a little apart, as if weeks had gone by. */
function repeatFirstNight(nights: readonly number[]): void {
  const store = openSqliteStore(join(harness.home, "results"));
  const [first] = store.listNights(NAME);
  const sweep = first && store.findSweep(first.sweepId);
  if (first === undefined || sweep === undefined) throw new Error("no first night");
  for (const n of nights) {
    const sweepId = nightSweepId(NAME, dateOf(n));
    store.saveSweep({ ...sweep, sweepId });
    for (const row of store.listRuns(first.sweepId)) {
      const runId = row.run_id.replace(first.sweepId, sweepId);
      const deviation = row.deviation_pct === null ? null : row.deviation_pct + (n % 4) / 50;
      store.saveRun({ ...row, sweep_id: sweepId, run_id: runId, deviation_pct: deviation });
    }
    store.saveNight({ ...first, date: dateOf(n), sweepId });
  }
  store.close();
}

const verdict = () => harness.run("nightly", "verdict", NAME);

test("F55: a commit that is 5 % slower is found, confirmed beside the baseline, reported once, and closed when it is mended", async () => {
  await applyNightly();
  await liveNight(1, GOOD);
  repeatFirstNight([2, 3, 4, 5, 6, 7, 8, 9]);
  expect((await verdict()).exitCode).toBe(0);

  await liveNight(10, SLOW);
  await liveNight(11, SLOW);
  const { exitCode, stdout } = await verdict();
  expect([exitCode, stdout]).toEqual([3, expect.stringContaining(`REGRESSION since ${dateOf(10)}`)]);
  await until("the issue is there", 60, () => github.issues.length > 0);
  expect(github.issues).toMatchObject([{ state: "open", body: expect.stringContaining(`${GOOD}...${SLOW}`) }]);

  await liveNight(12, MENDED);
  expect((await verdict()).exitCode).toBe(0);
  await until("the issue is closed", 60, () => github.issues.every(({ state }) => state === "closed"));
  expect(github.issues).toMatchObject([{ body: expect.stringContaining(`Recovered** on ${dateOf(12)}`) }]);
  // A nightly's share of GitHub: a commit and its files a night, the installation's token, and the issue.
  expect(github.requests.length).toBeLessThan(20);
}, 900_000);
