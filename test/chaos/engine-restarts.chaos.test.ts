/** The engine itself is killed, stopped and hung: one of its own, so that nobody else's containers go with it. */

import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { LABEL } from "#model/ids";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import type { ChaosSweep } from "#test/chaos/support/chaos-harness";
import { brokenRow, ONE_ATTEMPT } from "#test/chaos/support/node-faults/after-fault";
import { OwnEngine } from "#test/chaos/support/node-faults/own-engine";

/** Longer than any call is waited for, and than a step's first retries take. */
const HANG_MS = 60_000;
/** For whoever asks for any network: a few small ones, then the block that nodes' addresses come from, in 32 parts. */
const POOLS = [
  "--default-address-pool=base=172.31.0.0/24,size=28",
  "--default-address-pool=base=198.18.0.0/15,size=20",
];

interface Setting {
  readonly engine: OwnEngine;
  readonly chaos: ChaosHarness;
}

/** For the tests of one `describe`. */
function withOwnEngine(flags: readonly string[]): () => Setting {
  let setting: Setting;
  beforeAll(async () => {
    const engine = await OwnEngine.start(flags);
    vi.stubEnv("DOCKER_HOST", engine.url);
    setting = { engine, chaos: await ChaosHarness.up() };
  });
  afterAll(async () => {
    await setting.chaos[Symbol.asyncDispose]();
    await setting.engine[Symbol.asyncDispose]();
    vi.unstubAllEnvs();
  });
  return () => setting;
}

const nodeEventsOf = ({ chaos }: Setting, { id }: ChaosSweep, action: string) =>
  chaos.events
    .ofNodes(chaos.installation.hostId, action)
    .filter(({ attributes }) => attributes[LABEL.run]?.startsWith(`${id}-`));

describe("an engine whose containers end with it", () => {
  const given = withOwnEngine(POOLS);

  test.for(["provision", "teardown"] as const)("F15: an engine that is killed in %s is waited for", async (step) => {
    const { engine, chaos } = given();
    const sweep = await chaos.startSweep(`f15-${step}`);
    await sweep.untilStep(step);
    const before = engine.restarts;
    await engine.restartBy("SIGKILL");
    sweep.faultIsOver();
    await chaos.decoys.revive();
    expect(engine.restarts).toBeGreaterThan(before);
    const { rows } = await sweep.ended();
    // What was there already had to end with the engine: then it is measured anew.
    expect(rows.at(-1)).toMatchObject({ status: "VALID" });
    for (const row of rows.slice(0, -1)) expect(row).toMatchObject({ status: "INVALID" });
    expect(await chaos.violations()).toEqual([]);
  });

  test.for([
    ["F15", "SIGKILL"],
    ["F16", "SIGTERM"],
  ] as const)(
    "%s: after a %s of the engine in the main loop the run is INVALID, and a fresh one is measured",
    async ([row, signal]) => {
      const { engine, chaos } = given();
      const sweep = await chaos.startSweep(row.toLowerCase(), { durationSec: 15 });
      await sweep.untilStep("main");
      await engine.restartBy(signal);
      sweep.faultIsOver();
      await chaos.decoys.revive();
      const { rows } = await sweep.ended();
      expect(nodeEventsOf(given(), sweep, "die").length).toBeGreaterThan(0);
      expect(rows).toMatchObject([
        { status: "INVALID", attempt: 1, reason: expect.stringMatching(/^(engine restart|node lost|master lost): /) },
        { status: "VALID", attempt: 2 },
      ]);
      expect(await chaos.violations()).toEqual([]);
    },
  );

  test("F17: an engine that hangs for a minute is asked again, and makes no node twice", async () => {
    const { engine, chaos } = given();
    const sweep = await chaos.startSweep("f17", { nodes: 4, rest: ONE_ATTEMPT });
    await sweep.untilStep("provision");
    const hungAtMs = Date.now();
    await engine.hangFor(() => delay(HANG_MS));
    sweep.faultIsOver();
    const { rows } = await sweep.ended();
    const starts = nodeEventsOf(given(), sweep, "start");
    expect(Math.max(...starts.map(({ timeMs }) => timeMs))).toBeGreaterThan(hungAtMs + HANG_MS / 2);
    expect(rows).toMatchObject([{ status: "VALID", attempt: 1 }]);
    expect(await chaos.violations()).toEqual([]);
  });

  test("F25: where others have all addresses the run fails with their number, and no network is half made", async () => {
    const { engine, chaos } = given();
    const [small, ...taken] = await takeAllNetworks(engine);
    try {
      // Decoys are planted in it.
      await engine.docker.getNetwork(small).remove();
      const sweep = await chaos.startSweep("f25", { rest: ONE_ATTEMPT });
      sweep.faultIsOver();
      expect(await brokenRow(sweep)).toMatchObject({
        status: "FAILED",
        reason: expect.stringMatching(
          /^address pool: no \/24 is free in 198\.18\.0\.0\/15: 32 networks and routes are in the way/,
        ),
      });
      expect(nodeEventsOf(given(), sweep, "create")).toEqual([]);
      expect(await chaos.violations()).toEqual([]);
    } finally {
      for (const id of taken) await engine.docker.getNetwork(id).remove();
    }
  });
});

describe("an engine whose containers outlive it", () => {
  const given = withOwnEngine(["--live-restore"]);

  test("F15: an engine that is killed in the main loop disturbs nobody, and the run is VALID", async () => {
    const { engine, chaos } = given();
    const sweep = await chaos.startSweep("f15-live", { durationSec: 15, rest: ONE_ATTEMPT });
    await sweep.untilStep("main");
    await engine.restartBy("SIGKILL");
    sweep.faultIsOver();
    const { rows } = await sweep.ended();
    expect(rows).toMatchObject([{ status: "VALID", reason: "" }]);
    expect(await chaos.violations()).toEqual([]);
  });
});

/** Until the engine says that none is left. @returns Their ids; the small ones come first. */
async function takeAllNetworks({ docker }: OwnEngine): Promise<[small: string, ...string[]]> {
  const take = async (number: number) => (await docker.createNetwork({ Name: `somebody-${number}` })).id;
  const ids: [string, ...string[]] = [await take(0)];
  for (;;) {
    try {
      ids.push(await take(ids.length));
    } catch (error) {
      if (!/could not find an available, non-overlapping IPv4 address pool/.test(String(error))) throw error;
      return ids;
    }
  }
}
