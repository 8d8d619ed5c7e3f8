/** `nightly …` as a user types it, with workflows on a real Temporal server and a host that is memory. */

import { mkdirSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createNightActivities } from "#activities/night-activities";
import type { ResultsStore } from "#activities/results/results-store";
import { openSqliteStore } from "#activities/results/sqlite-store";
import { nightWorkflowId } from "#model/nightly";
import { dateKeyOf } from "#model/nightly-calendar";
import { runMeshbench } from "#test/support/meshbench-command";
import { liveThrough } from "#test/model/nightly-fixture";
import { TempDir } from "#test/support/temp-dir";
import { WorkflowHarness } from "#test/support/workflow-harness";

const SOON = { timeout: 60_000 };
const home = new TempDir();
let harness: WorkflowHarness;
let store: ResultsStore;

beforeAll(async () => {
  store = openSqliteStore(home.join("results"));
  harness = await WorkflowHarness.start([], {
    nights: createNightActivities({ store, readSourceSha: async () => "installed" }),
  });
  harness.store.mirror = store;
  await harness.addHost("bench");
  mkdirSync(home.join("secrets"), { mode: 0o700 });
  writeFileSync(home.join("secrets/bench"), "5".repeat(64), { mode: 0o600 });
  const hosts = { bench: { secret_file: "secrets/bench", process: {} } };
  writeFileSync(home.join("hosts.yaml"), JSON.stringify({ hosts }), { mode: 0o600 });
}, 60_000);
afterAll(async () => {
  await harness?.close();
  store?.close();
  home[Symbol.dispose]();
});

function meshbench(...args: string[]) {
  const env = { ...process.env, MESHBENCH_HOME: home.path, TEMPORAL_ADDRESS: harness.env.address };
  return runMeshbench(args, env);
}

function writeFiles(name: string, lines: readonly string[]): string {
  const spec = {
    version: 1,
    name: "small",
    environments: { containers: { provider: "docker", host: "bench", cpus: 1, memory: "512MiB" } },
    nodes: 2,
    rate: 600,
    aggregation: 10,
    duration: "2s",
    repetitions: 4,
  };
  writeFileSync(home.join("small.yaml"), JSON.stringify(spec));
  writeFileSync(home.join(`${name}.yaml`), ["version: 1", `name: ${name}`, ...lines].join("\n"));
  return home.join(`${name}.yaml`);
}

/** A minute ago, so that tonight is due whenever this runs. */
const JUST_NOW = new Date(Date.now() - 60_000);
const DUE = `${JUST_NOW.getUTCMinutes()} ${JUST_NOW.getUTCHours()} * * *`;

test("a nightly is made, listed, nudged into one night, shown and deleted", SOON, async () => {
  const when = [`cron: "${DUE}"`, "time_zone: UTC"];
  const file = writeFiles("small-nightly", ["spec: small.yaml", "set: [nodes=3]", ...when]);
  const applied = await meshbench("nightly", "apply", file);
  expect(applied.stderr).toBe("");
  expect(applied.stdout).toMatch(/^made small-nightly: 4 runs, about \d+s a night; next \d{4}-\d\d-\d\dT/);
  expect((await meshbench("nightly", "apply", file)).stdout).toMatch(/^changed small-nightly/);

  const date = dateKeyOf(JUST_NOW, { cron: DUE, timeZone: "UTC" });
  const nudged = await meshbench("nightly", "nudge", "small-nightly", "--json");
  expect(JSON.parse(nudged.stdout)).toEqual([{ name: "small-nightly", date, outcome: "begun" }]);
  await harness.client.workflow.getHandle(nightWorkflowId("small-nightly", date)).result();
  const again = await meshbench("nightly", "nudge");
  expect(again.stdout).toBe(`small-nightly: begun before, night of ${date}\n`);

  const [trend, list, sweep] = await Promise.all([
    meshbench("nightly", "small-nightly"),
    meshbench("nightly", "list"),
    meshbench("status", `nightly-small-nightly-${date}`, "--json"),
  ]);
  expect(trend.stdout).toContain(`small-nightly: small.yaml, ${DUE} UTC; next `);
  expect(trend.stdout).toContain("no regression, 1 night judged");
  expect(list.stdout).toMatch(/small-nightly +small\.yaml, .* no regression, 1 night judged/);
  expect(JSON.parse(sweep.stdout)).toMatchObject({ status: "DONE", runs: [{ nodes: 3 }, {}, {}, {}] });

  expect((await meshbench("nightly", "delete", "small-nightly")).exitCode).toBe(0);
  const gone = await meshbench("nightly", "delete", "small-nightly");
  expect([gone.exitCode, gone.stderr]).toEqual([2, expect.stringMatching(/^error: NAME: .* no such nightly/)]);
});

test("a verdict is 3 while a regression is open, also of one whose schedule is gone", SOON, async () => {
  for (const night of liveThrough(14, { code: (n) => (n >= 12 ? 2 : 0.5) }).nights) {
    const { images: _, setting: __, points: ___, ...kept } = night;
    store.saveNight({ ...kept, nightly: "kept" });
  }
  const { exitCode, stdout } = await meshbench("nightly", "verdict", "kept");
  expect([exitCode, stdout]).toEqual([
    3,
    expect.stringMatching(/^kept: REGRESSION since 2026-11-12, commits 0+b?\.\./),
  ]);
  expect((await meshbench("nightly", "kept")).stdout).toMatch(/^kept: deleted, only its nights are left\n/);
});

describe.concurrent("refused with exit 2, what is wrong and where:", SOON, () => {
  test.for([
    [
      "out-of-range",
      ['cron: "61 * * * *"'],
      /:4:7: cron: got "61 \* \* \* \*"; minute: "61" is not in 0\.\.59; once a day/,
    ],
    [
      "every-minute",
      ['cron: "* * * * *"', "set: [repetitions=500, duration=14s]"],
      /cron: .*fires every 1m, and a night takes about \dh.*it would overlap itself/,
    ],
    ["zone", ['cron: "0 3 * * *"', "time_zone: Lisbon"], /:5:12: time_zone: got "Lisbon"; no such time zone/],
    ["few", ['cron: "0 3 * * *"', "set: [repetitions=3]"], /repetitions: got 3; at least 4 for a nightly/],
    ["wrong-spec", ['cron: "0 3 * * *"', "set: [nodez=3]"], /--set nodez: .*unknown key; did you mean nodes/],
  ] as const)("%s", async ([name, lines, says]) => {
    const zone = lines.some((line) => line.startsWith("time_zone")) ? [] : ["time_zone: UTC"];
    const file = writeFiles(name, ["spec: small.yaml", ...lines, ...zone]);
    const { exitCode, stderr } = await meshbench("nightly", "apply", file);
    expect(stderr).toMatch(says);
    expect(exitCode).toBe(2);
  });
});

test("of a repository is refused with exit 5 where no worker has the key of an App", SOON, async () => {
  const file = writeFiles("octo", ["spec: small.yaml", 'cron: "0 3 * * *"', "time_zone: UTC", "repository: octo/mesh"]);
  const { exitCode, stderr } = await meshbench("nightly", "apply", file);
  expect([exitCode, stderr]).toEqual([5, expect.stringContaining("no worker has the key of a GitHub App")]);
});
