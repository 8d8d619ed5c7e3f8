/** The rows that say most about a main loop in the least time: every CI run has them. */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunRow } from "#model/result-row";
import { LABEL } from "#model/ids";
import { until } from "#test/support/installation-harness";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import type { ChaosSweep } from "#test/chaos/support/chaos-harness";
import { breakRun, brokenRow, ONE_ATTEMPT } from "#test/chaos/support/node-faults/after-fault";
import { nodeOf } from "#test/chaos/support/node-faults/next-node";

let chaos: ChaosHarness;
beforeAll(async () => {
  chaos = await ChaosHarness.up();
});
afterAll(() => chaos[Symbol.asyncDispose]());

async function startMeasuring(name: string, durationSec: number): Promise<ChaosSweep> {
  const sweep = await chaos.startSweep(name, { durationSec, rest: ONE_ATTEMPT });
  await sweep.untilStep("main");
  return sweep;
}

/** What the engine says of the second node of the sweep's run. */
const eventsOf = ({ runId }: ChaosSweep, action: string) =>
  chaos.events
    .ofNodes(chaos.installation.hostId, action)
    .filter(({ attributes }) => attributes[LABEL.run] === runId && attributes[LABEL.node] === "2");

test("F23: a node that is removed in the main loop ends the run as lost within 10 s, and the others go", async () => {
  const sweep = await startMeasuring("f23", 20);
  const node = await nodeOf(chaos, sweep, 2);
  const { noticedSec, row } = await breakRun(sweep, () => node.remove());
  expect(eventsOf(sweep, "destroy")).toHaveLength(1);
  expect(row).toMatchObject({ status: "INVALID", reason: expect.stringMatching(/^node lost: it is gone.*node 2, /) });
  expect(noticedSec).toBeLessThan(10);
  expect(await chaos.violations()).toEqual([]);
});

test("F26: a database that is killed is named as crashed within 5 s, and not started again in place", async () => {
  const sweep = await startMeasuring("f26", 20);
  const node = await nodeOf(chaos, sweep, 2);
  const { noticedSec, row } = await breakRun(sweep, () => node.killDatabase());
  const reason = expect.stringMatching(/^db crash: .*died \(status 137\).*node 2, /);
  expect(row).toMatchObject({ status: "INVALID", reason });
  expect(noticedSec).toBeLessThan(5);
  expect(eventsOf(sweep, "start")).toHaveLength(1);
  expect(await chaos.violations()).toEqual([]);
});

test("F24: a node that is paused for 2 s is recorded as a gap, and the run is INVALID though its data is proven", async () => {
  const sweep = await startMeasuring("f24", 8);
  const node = await nodeOf(chaos, sweep, 2);
  await node.pause();
  await delay(2000);
  await node.unpause();
  sweep.faultIsOver();
  const row = await brokenRow(sweep);
  expect(eventsOf(sweep, "unpause")).toHaveLength(1);
  expect(row).toMatchObject({ status: "INVALID", consistent: true });
  expect(Number(/^gap: the node's timer was silent for (\d+) ms.*node 2/.exec(row.reason)?.[1])).toBeGreaterThan(1900);
  expect(await chaos.violations()).toEqual([]);
});

test("F32: connections that are reset under a batch are replaced, nothing is inserted twice, and the run says so", async () => {
  const sweep = await startMeasuring("f32", 8);
  const [one, two] = await Promise.all([nodeOf(chaos, sweep, 1), nodeOf(chaos, sweep, 2)]);
  const firewall = two.firewall();
  firewall.resetDatabase([one.address]);
  await until("a packet is answered by a reset", 30, () => firewall.packetsCaught > 0);
  firewall.heal();
  sweep.faultIsOver();
  const [row] = (await sweep.ended()).rows as [RunRow];
  expect(row).toMatchObject({ status: "SUSPECT", consistent: true, tuples_per_db: row.tuples_per_db_expected });
  expect(row.reason).toMatch(/^reconnect: \d connections? .*node 1\b/);
  expect(await chaos.violations()).toEqual([]);
});
