import pRetry from "p-retry";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readRunView } from "#cli/sweep-client";
import { LABEL } from "#model/ids";
import { until } from "#test/support/installation-harness";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import type { ChaosSweep } from "#test/chaos/support/chaos-harness";
import { breakRun, brokenRow, ONE_ATTEMPT } from "#test/chaos/support/node-faults/after-fault";
import { DerivedImage } from "#test/chaos/support/node-faults/derived-image";
import type { EmulatedNode } from "#test/chaos/support/node-faults/emulated-node";
import { nextNode, nodeOf } from "#test/chaos/support/node-faults/next-node";

let chaos: ChaosHarness;
beforeAll(async () => {
  chaos = await ChaosHarness.up();
});
afterAll(() => chaos[Symbol.asyncDispose]());

/** This installation's environment, but for this. */
const environment = (changes: object) => ({
  environments: { containers: { ...chaos.installation.environment(), ...changes } },
});

const startsOf = ({ id }: ChaosSweep) =>
  chaos.events
    .ofNodes(chaos.installation.hostId, "start")
    .filter(({ attributes }) => attributes[LABEL.run]?.startsWith(`${id}-`));

/** Until so much of the run's tuples is inserted. */
const untilShare = ({ runId }: ChaosSweep, share: number) =>
  chaos.installation.withClient((client) =>
    until(`${share * 100} % of ${runId} is inserted`, 60, async () => {
      const progress = (await readRunView(client, runId))?.progress;
      return (progress?.tuples ?? 0) >= share * (progress?.tuplesExpected ?? Infinity);
    }),
  );

test.for([10, 50, 90])(
  "F26: a database that is killed at %i % is named as crashed within 5 s, and not started again in place",
  async (percent) => {
    const sweep = await chaos.startSweep(`f26-${percent}`, { durationSec: 20, rest: ONE_ATTEMPT });
    await sweep.untilStep("main");
    await untilShare(sweep, percent / 100);
    const node = await nodeOf(chaos, sweep, 2);
    const { noticedSec, row } = await breakRun(sweep, () => node.killDatabase());
    expect(row).toMatchObject({
      status: "INVALID",
      reason: expect.stringMatching(/^db crash: .*; its last words: .*died \(status 137\).*node 2, /),
    });
    expect(noticedSec).toBeLessThan(5);
    expect(startsOf(sweep)).toHaveLength(2);
    expect(await chaos.violations()).toEqual([]);
  },
);

test("F21: a node over its memory limit is named with the limit within 10 s", async () => {
  // A plan refuses limits that cannot hold the load: here the RAM disk may grow past what the plan counts on.
  const sweep = await chaos.startSweep("f21", {
    durationSec: 30,
    rest: { ...ONE_ATTEMPT, ...environment({ memory: "300MiB", ram_disk: "1GiB" }) },
  });
  await sweep.untilStep("main");
  const node = await nodeOf(chaos, sweep, 2);
  const { noticedSec, row } = await breakRun(sweep, async () => {
    await node.execute("fallocate", "--length", "600MiB", "/ram/eaten").catch(() => {}); // killed as well
  });
  expect(row).toMatchObject({ status: "INVALID", reason: expect.stringMatching(/^oom: .*limit 300 MiB.*node 2, /) });
  expect(noticedSec).toBeLessThan(10);
  expect(await chaos.violations()).toEqual([]);
});

test("F28: a plan refuses a RAM disk that cannot hold the tables; one that is full ends the run with its node", async () => {
  const small = chaos.installation.writeSpec("f28-small", environment({ ram_disk: "16MiB" }));
  const refused = await chaos.installation.expectExit(2, "plan", small);
  expect(refused.stderr).toMatch(/^error: .*environments\.containers\.ram_disk: got "16MiB"; /m);

  const sweep = await chaos.startSweep("f28", { durationSec: 30, rest: { ...ONE_ATTEMPT, rate: 30_000 } });
  await sweep.untilStep("main");
  const node = await nodeOf(chaos, sweep, 2);
  const { row } = await breakRun(sweep, async () => {
    await node.execute("dd", "if=/dev/zero", "of=/ram/full", "bs=64k").catch(() => {}); // until it is full
    expect(await node.execute("df", "--output=avail", "/ram")).toMatch(/\b0$/);
  });
  expect(row).toMatchObject({ status: "INVALID", reason: expect.stringMatching(/^disk full: .*node 2\b/) });
  expect(await chaos.violations()).toEqual([]);
});

test("F29: a database that takes too few connections is named, with how many it has to take", async () => {
  const nodes = 12;
  const limited = nextNode(chaos, 1).then((node) => pRetry(() => node.query("SET GLOBAL max_connections = 11"), RETRY));
  const sweep = await chaos.startSweep("f29", {
    nodes,
    rest: { ...ONE_ATTEMPT, ...environment({ memory: "320MiB" }) },
  });
  await limited;
  sweep.faultIsOver();
  const row = await brokenRow(sweep);
  expect(row).toMatchObject({
    status: "FAILED",
    reason: expect.stringMatching(/^sync: too many connections at node 1 \(.*\), need max_connections >= 14/),
  });
  expect(await chaos.violations()).toEqual([]);
});

const RETRY = { retries: 100, minTimeout: 50, factor: 1 } as const;

const COLUMNS = "tuple_key, tuple_value, tuple_copy";
const EMPTY = "0000000000000000";
/** What is done to node 2 while its main loop goes on, in SQL, and what is found afterwards of 400 rows. */
const MUTATIONS: readonly [what: string, sql: string, found: RegExp][] = [
  ["delete one tuple", "DELETE FROM tuple LIMIT 1", /holds 399 rows, expected 400/],
  [
    "duplicate one tuple",
    `INSERT INTO tuple SELECT tuple_key, tuple_value, tuple_copy + 1 FROM tuple LIMIT 1`,
    /holds 401 rows, expected 400/,
  ],
  [
    "alter one tuple",
    "UPDATE tuple SET tuple_value = 100 - tuple_value WHERE tuple_value < 50 LIMIT 1",
    /400 rows as expected, but digest/,
  ],
  [
    "swap the values of two tuples",
    `SELECT tuple_key, tuple_value INTO @low_key, @low FROM tuple WHERE tuple_value < 50 LIMIT 1;
      SELECT tuple_key, tuple_value INTO @high_key, @high FROM tuple WHERE tuple_value > 50 LIMIT 1;
      UPDATE tuple SET tuple_value = @high WHERE tuple_key = @low_key;
      UPDATE tuple SET tuple_value = @low WHERE tuple_key = @high_key`,
    /400 rows as expected, but digest/,
  ],
  [
    "put a strange tuple in the place of one",
    `DELETE FROM tuple LIMIT 1; INSERT INTO tuple (${COLUMNS}) VALUES ('${EMPTY}', 1, 0)`,
    /400 rows as expected, but digest/,
  ],
  ["drop one batch", "DELETE FROM tuple LIMIT 50", /holds 350 rows, expected 400/],
];

test("F34: whatever is changed in one database behind its node's back is found, with the node and the difference", async () => {
  const sweep = await chaos.startSweep("f34", {
    durationSec: 4,
    rest: { ...ONE_ATTEMPT, repetitions: MUTATIONS.length, rate: 3000, aggregation: 50 },
  });
  for (const [i, [, sql]] of MUTATIONS.entries()) {
    const node = await nodeOfRun(sweep.runIdOf({ repetition: i + 1 }));
    await expect
      .poll(() => node.query("SELECT COUNT(*) >= 100 FROM tuple").catch(() => ""), { timeout: 60_000 })
      .toBe("1");
    await node.query(sql);
  }
  sweep.faultIsOver();
  const { rows } = await sweep.ended();
  expect(rows.map(({ repetition }) => repetition)).toEqual(MUTATIONS.map((_, i) => i + 1));
  for (const [i, [what, , found]] of MUTATIONS.entries()) {
    expect.soft(rows[i], what).toMatchObject({ status: "INVALID", consistent: false });
    expect.soft(rows[i]?.reason, what).toMatch(new RegExp(`^digest mismatch: node 2 .*${found.source}`));
  }
  expect(await chaos.violations()).toEqual([]);
});

const nodeOfRun = (runId: string): Promise<EmulatedNode> => nodeOf(chaos, { runId }, 2);

test("a schedule that the node program stretches by 5 % shows as a deviation of 5 ± 0.5 %", async () => {
  await using image = await DerivedImage.make({ instructions: ["ENV MESHBENCH_TEST=1", "ENV MESHBENCH_STRETCH=1.05"] });
  const sweep = await chaos.startSweep("stretched", { durationSec: 10, rest: environment({ image: image.id }) });
  sweep.faultIsOver();
  const { rows } = await sweep.ended();
  expect(rows).toMatchObject([{ status: "VALID", consistent: true }]);
  expect(rows[0]?.deviation_pct).toBeGreaterThan(4.5);
  expect(rows[0]?.deviation_pct).toBeLessThan(5.5);
  expect(await chaos.violations()).toEqual([]);
});
