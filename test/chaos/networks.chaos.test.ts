import { networkInterfaces } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunRow } from "#model/result-row";
import { until } from "#test/support/installation-harness";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import type { ChaosSweep } from "#test/chaos/support/chaos-harness";
import { brokenRow, ONE_ATTEMPT } from "#test/chaos/support/node-faults/after-fault";
import type { NodeFirewall } from "#test/chaos/support/node-faults/node-firewall";
import { nextNode, nodeOf } from "#test/chaos/support/node-faults/next-node";
import { ResolverStub } from "#test/chaos/support/node-faults/resolver-stub";

let chaos: ChaosHarness;
let undisturbed: RunRow;

/** Batches of a tenth of a second: what comes later than that was held up. */
const LOAD = { ...ONE_ATTEMPT, aggregation: 10 } as const;
const HELD_UP_MS = 2000;
/** How much longer a sync may take with a bad resolver; a single connection that waited for it would take seconds. */
const SYNC_FACTOR = 1.2;
const SYNC_NOISE_SEC = 0.5;

beforeAll(async () => {
  chaos = await ChaosHarness.up();
  const sweep = await chaos.startSweep("undisturbed", { rest: LOAD });
  sweep.faultIsOver();
  [undisturbed] = (await sweep.ended()).rows as [RunRow];
});
afterAll(() => chaos[Symbol.asyncDispose]());

async function startMeasuring(name: string, rest: object = LOAD, durationSec = 10): Promise<ChaosSweep> {
  const sweep = await chaos.startSweep(name, { durationSec, rest: { ...rest } });
  await sweep.untilStep("main");
  return sweep;
}

/** Of the second node, once a rule holds for a packet. */
const untilCaught = (firewall: NodeFirewall) =>
  until("the firewall catches a packet", 30, () => firewall.packetsCaught > 0);

async function endedRow(sweep: ChaosSweep): Promise<RunRow> {
  const { rows } = await sweep.ended();
  expect(rows).toHaveLength(1);
  return rows[0] as RunRow;
}

test("F30: nodes that cannot reach each other at the barrier are both named at its deadline", async () => {
  const cut = Promise.all([nextNode(chaos, 2), nextNode(chaos, 3)]).then(([two, three]) => {
    const firewall = two.firewall();
    firewall.dropFrom(three.address);
    return firewall;
  });
  const sweep = await chaos.startSweep("f30-barrier", { nodes: 3, rest: LOAD });
  await untilCaught(await cut);
  sweep.faultIsOver();
  const row = await brokenRow(sweep);
  expect(row).toMatchObject({ status: "FAILED", reason: expect.stringMatching(/^(sync|barrier): /) });
  expect(row.reason).toMatch(/\bnode 2\b/);
  expect(row.reason).toMatch(/\bnode 3\b/);
  expect(await chaos.violations()).toEqual([]);
});

test("F30: a barrier that is cut off for a while is passed once the network is back", async () => {
  const cut = Promise.all([nextNode(chaos, 1), nextNode(chaos, 2)]).then(([one, two]) => {
    const firewall = two.firewall();
    firewall.dropFrom(one.address);
    firewall.dropTo(one.address);
    return firewall;
  });
  const sweep = await chaos.startSweep("f30-healed", { rest: LOAD });
  const firewall = await cut;
  await untilCaught(firewall);
  await delay(5000);
  firewall.heal();
  sweep.faultIsOver();
  const row = await endedRow(sweep);
  expect(row).toMatchObject({ status: "VALID", digest: undisturbed.digest });
  expect(row.sync_s).toBeGreaterThan(4);
  expect(await chaos.violations()).toEqual([]);
});

test.for(["one way", "both ways"] as const)(
  "F30: a main loop that is cut off for a while, %s, is late, says so, and its data is proven",
  async (ways) => {
    const sweep = await startMeasuring("f30-main");
    const [one, two] = await Promise.all([nodeOf(chaos, sweep, 1), nodeOf(chaos, sweep, 2)]);
    const firewall = two.firewall();
    firewall.dropFrom(one.address);
    if (ways === "both ways") firewall.dropTo(one.address);
    await untilCaught(firewall);
    await delay(HELD_UP_MS);
    firewall.heal();
    sweep.faultIsOver();
    const row = await endedRow(sweep);
    expect(row).toMatchObject({
      status: expect.stringMatching(/^(VALID|SUSPECT)$/),
      reason: expect.stringMatching(/^$|^reconnect: /),
      consistent: true,
    });
    expect(row.lateness_remote_p99_ms).toBeGreaterThan(HELD_UP_MS / 2);
    expect(await chaos.violations()).toEqual([]);
  },
);

test("F30: a main loop that stays cut off ends at the run's deadline, as at least that long", async () => {
  const sweep = await startMeasuring("f30-deadline", { ...LOAD, deadline: "40s" }, 4);
  const [one, two] = await Promise.all([nodeOf(chaos, sweep, 1), nodeOf(chaos, sweep, 2)]);
  const firewall = two.firewall();
  firewall.dropFrom(one.address);
  firewall.dropTo(one.address);
  await untilCaught(firewall);
  sweep.faultIsOver();
  const row = await brokenRow(sweep);
  expect(row).toMatchObject({ status: "INVALID", reason: expect.stringMatching(/^deadline: /) });
  expect(row.elapsed_s).toBeGreaterThan(10);
  expect(await chaos.violations()).toEqual([]);
});

test("F31: with every third packet to a database lost the run completes, later, and the databases are equal", async () => {
  const sweep = await startMeasuring("f31", LOAD, 4);
  const firewall = (await nodeOf(chaos, sweep, 2)).firewall();
  firewall.dropShareOfDatabase(30);
  sweep.faultIsOver();
  await sweep.untilStep("collect");
  expect(firewall.packetsCaught).toBeGreaterThan(0);
  const row = await endedRow(sweep);
  expect(row).toMatchObject({ status: "VALID", digest: undisturbed.digest });
  expect(row.lateness_remote_p99_ms).toBeGreaterThan(2 * (undisturbed.lateness_remote_p99_ms ?? Infinity));
  expect(await chaos.violations()).toEqual([]);
});

/** Where nodes with a way out reach this machine. */
function ownAddress(): string {
  const address = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address;
  if (address === undefined) throw new Error("this machine has no address but loopback");
  return address;
}

const withEnvironment = (changes: object) => ({
  environments: { containers: { ...chaos.installation.environment(), ...changes } },
});

/** Any name will do that Docker does not know itself. */
const askForName = (sweep: ChaosSweep) =>
  nodeOf(chaos, sweep, 1).then((node) => node.execute("getent", "hosts", "nowhere.example").catch(() => "no answer"));

test("F38: a resolver that takes 5 s for an answer costs the sync nothing", async () => {
  await using stub = await ResolverStub.open(ownAddress(), 5000);
  const sweep = await chaos.startSweep("f38", {
    durationSec: 8,
    rest: { ...LOAD, ...withEnvironment({ dns: [stub.address] }) },
  });
  await sweep.untilStep("main");
  sweep.faultIsOver();
  await askForName(sweep);
  expect(stub.asked).toBeGreaterThan(0);
  const row = await endedRow(sweep);
  expect(row).toMatchObject({ status: "VALID" });
  expect(row.sync_s).toBeLessThan(SYNC_FACTOR * (undisturbed.sync_s ?? 0) + SYNC_NOISE_SEC);
  expect(await chaos.violations()).toEqual([]);
});

test("F38: where databases look their clients up (`resolve: reverse`), every connection waits for it", async () => {
  await using stub = await ResolverStub.open(ownAddress(), 5000);
  const rest = { ...LOAD, resolve: "reverse", ...withEnvironment({ dns: [stub.address] }) };
  const sweep = await chaos.startSweep("f38-reverse", { rest });
  sweep.faultIsOver();
  const row = await endedRow(sweep);
  expect(stub.asked).toBeGreaterThan(0);
  expect(row).toMatchObject({ status: "VALID", digest: undisturbed.digest });
  expect(row.sync_s).toBeGreaterThan(4);
  expect(await chaos.violations()).toEqual([]);
});

test("F39: a resolver that knows no name is named where nodes have names, with the name that was asked for", async () => {
  await using stub = await ResolverStub.open(ownAddress(), 0);
  const rest = { ...LOAD, resolve: "names", ...withEnvironment({ dns: [stub.address] }) };
  const sweep = await chaos.startSweep("f39-unknown", { rest });
  sweep.faultIsOver();
  const row = await brokenRow(sweep);
  expect(stub.asked).toBeGreaterThan(0);
  expect(row).toMatchObject({
    status: "FAILED",
    reason: expect.stringMatching(/^dns: .*node-\d.* has no address: ENOTFOUND from /),
  });
  expect(row.reason).toContain(stub.address);
  expect(await chaos.violations()).toEqual([]);
});

/** From their start on no node hears from Docker's resolver. */
async function startDeaf(resolve: "addresses" | "names"): Promise<{ sweep: ChaosSweep; firewall: NodeFirewall }> {
  const silenced = Promise.all([nextNode(chaos, 1), nextNode(chaos, 2)]).then((nodes) =>
    nodes.map((node) => {
      const firewall = node.firewall();
      firewall.dropResolver();
      return firewall;
    }),
  );
  const sweep = await chaos.startSweep(`f39-${resolve}`, { durationSec: 8, rest: { ...LOAD, resolve } });
  const [firewall] = await silenced;
  if (firewall === undefined) throw new Error("no node started");
  return { sweep, firewall };
}

test("F39: a resolver that does not answer costs nothing where nodes have addresses", async () => {
  const { sweep, firewall } = await startDeaf("addresses");
  await sweep.untilStep("main");
  sweep.faultIsOver();
  await askForName(sweep);
  expect(firewall.packetsCaught).toBeGreaterThan(0);
  const row = await endedRow(sweep);
  expect(row).toMatchObject({ status: "VALID" });
  expect(row.sync_s).toBeLessThan(SYNC_FACTOR * (undisturbed.sync_s ?? 0) + SYNC_NOISE_SEC);
  expect(await chaos.violations()).toEqual([]);
});

test("F39: a resolver that does not answer is named where nodes have names, with the name that was asked for", async () => {
  const { sweep, firewall } = await startDeaf("names");
  await untilCaught(firewall);
  sweep.faultIsOver();
  const row = await brokenRow(sweep);
  expect(row).toMatchObject({
    status: "FAILED",
    reason: expect.stringMatching(/^dns: .*node-\d.* has no address: \w+ from 127\.0\.0\.11/),
  });
  expect(await chaos.violations()).toEqual([]);
});
