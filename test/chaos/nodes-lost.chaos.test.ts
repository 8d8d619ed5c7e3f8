import { afterAll, beforeAll, expect, test } from "vitest";
import { LABEL } from "#model/ids";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import type { ChaosSweep } from "#test/chaos/support/chaos-harness";
import { breakRun, brokenRow, ONE_ATTEMPT } from "#test/chaos/support/node-faults/after-fault";
import { nextNode, nodeOf } from "#test/chaos/support/node-faults/next-node";

let chaos: ChaosHarness;
beforeAll(async () => {
  chaos = await ChaosHarness.up();
});
afterAll(() => chaos[Symbol.asyncDispose]());

const NODES = 3;

/** The last node never comes, and the others wait for it. */
async function startWaitingAtBarrier(name: string): Promise<ChaosSweep> {
  const held = nextNode(chaos, NODES).then((last) => last.stopProgram());
  const sweep = await chaos.startSweep(name, { nodes: NODES, rest: ONE_ATTEMPT });
  await held;
  await sweep.untilStep("sync");
  return sweep;
}

async function startMeasuring(name: string, durationSec: number): Promise<ChaosSweep> {
  const sweep = await chaos.startSweep(name, { nodes: NODES, durationSec, rest: ONE_ATTEMPT });
  await sweep.untilStep("main");
  return sweep;
}

/** The last node still measures, and the others wait for it. */
async function startFinalising(name: string): Promise<ChaosSweep> {
  const sweep = await startMeasuring(name, 10);
  await (await nodeOf(chaos, sweep, NODES)).stopProgram();
  const first = await nodeOf(chaos, sweep, 1);
  await expect.poll(() => first.query("SELECT phase FROM progress"), { timeout: 30_000 }).toBe("finalise");
  return sweep;
}

const START = { barrier: startWaitingAtBarrier, finalise: startFinalising } as const;

/** What the engine says of a node of the sweep's run. */
const eventsOf = ({ runId }: ChaosSweep, index: number, action: string) =>
  chaos.events
    .ofNodes(chaos.installation.hostId, action)
    .filter(({ attributes }) => attributes[LABEL.run] === runId && attributes[LABEL.node] === String(index));

test.for(["barrier", "finalise"] as const)(
  "F23: a node that is removed in the %s ends the run as lost within 10 s, and the others go",
  async (phase) => {
    const sweep = await START[phase]("f23");
    const node = await nodeOf(chaos, sweep, 2);
    const { noticedSec, row } = await breakRun(sweep, () => node.remove());
    expect(eventsOf(sweep, 2, "destroy")).toHaveLength(1);
    expect(row).toMatchObject({ status: "INVALID", reason: expect.stringMatching(/^node lost: it is gone.*node 2, /) });
    expect(noticedSec).toBeLessThan(10);
    expect(await chaos.violations()).toEqual([]);
  },
);

test.for(["barrier", "finalise"] as const)(
  "F37: a master that is killed in the %s ends the run within 10 s: nobody waits for ever",
  async (phase) => {
    const sweep = await START[phase]("f37");
    const master = await nodeOf(chaos, sweep, 1);
    const { noticedSec, row } = await breakRun(sweep, () => master.kill());
    expect(eventsOf(sweep, 1, "die")).toHaveLength(1);
    expect(row).toMatchObject({ status: "INVALID", reason: expect.stringMatching(/^master lost: .*137.*node 1, /) });
    expect(noticedSec).toBeLessThan(10);
    expect(await chaos.violations()).toEqual([]);
  },
);

test("F24: a node that stays paused is unresponsive within 15 s", async () => {
  const sweep = await startMeasuring("f24-long", 60);
  const node = await nodeOf(chaos, sweep, 2);
  const { noticedSec, row } = await breakRun(sweep, () => node.pause());
  expect(row).toMatchObject({
    status: "INVALID",
    reason: expect.stringMatching(/^node unresponsive: .*paused.*node 2, /),
  });
  expect(noticedSec).toBeLessThan(15);
  expect(await chaos.violations()).toEqual([]);
});

test("F35: a node that never reaches the barrier is missed by name at the barrier's deadline", async () => {
  const sweep = await startWaitingAtBarrier("f35");
  sweep.faultIsOver();
  const row = await brokenRow(sweep);
  expect(row).toMatchObject({ status: "FAILED", reason: expect.stringMatching(/^barrier: 2\/3, missing node 3 /) });
  expect(await chaos.violations()).toEqual([]);
});
