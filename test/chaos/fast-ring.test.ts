/**
 * The fast ring: the product's own workflows, activities, fence, reaper and ledger in a simulated world, over a thousand
 * seeded schedules of what can go wrong, and the invariants after each. A schedule that breaks one is shrunk, and printed
 * with the line that plays it again. See `docs/chaos.md`.
 *
 * `CHAOS_SEED=<seed>` takes other schedules, `CHAOS_SEED=<seed>:<path>` plays one; `CHAOS_SCHEDULES=<n>` takes more.
 */

import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type * as timing from "#activities/timing";
import { STEPS } from "#model/run";
import { timeoutSignal, VisibleDate } from "#test/chaos/fast/edges";
import { RingFigures } from "#test/chaos/fast/figures";
import { violationsOf } from "#test/chaos/fast/invariants";
import { anySchedule, FAULT_KINDS } from "#test/chaos/fast/schedule";
import type { Schedule } from "#test/chaos/fast/schedule";
import type { SimulatedEngine } from "#test/chaos/fast/simulated-machine";
import { visibleClock } from "#test/chaos/fast/simulation";
import { DEADLINE_SEC, World } from "#test/chaos/fast/world";
import { ACTIVITY_OF } from "#test/chaos/support/workflow-histories";

await vi.hoisted(async () => {
  // The SDK's workflow runtime takes it from there, as its sandbox has it.
  Object.assign(globalThis, { AsyncLocalStorage: (await import("node:async_hooks")).AsyncLocalStorage });
});
vi.mock("node:fs/promises", async () => (await import("#test/chaos/fast/edges")).diskCalls);
vi.mock("node:zlib", async () => (await import("#test/chaos/fast/edges")).packing);
vi.mock("p-retry", async () => ({ default: (await import("#test/chaos/fast/edges")).pRetry }));
vi.mock("#activities/process-identity", async () => (await import("#test/chaos/fast/edges")).processIdentity);
vi.mock("#activities/crash-point", async () => ({ crashPoint: (await import("#test/chaos/fast/edges")).crashPoint }));
vi.mock("#activities/timing", async (original) => {
  const actual = await original<typeof timing>();
  const { simulatedTiming } = await import("#test/chaos/fast/edges");
  return { ...actual, ...simulatedTiming(actual.LateAnswerError) };
});

// Each takes milliseconds, on a machine that has nothing else to do.
vi.setConfig({ testTimeout: 60_000 });

/** Always the same in CI, so that nobody's change meets a schedule that no other has met; nightly runs take their own. */
const [seed = 2018, ...path] = (process.env["CHAOS_SEED"] ?? "2018").split(":").map(Number);
const SCHEDULES = Number(process.env["CHAOS_SCHEDULES"] ?? 1000);
const LINE_LIMIT = 400;

const RUN = "s1-p1-r1-a1";
const figures = new RingFigures();

beforeAll(() => {
  vi.stubGlobal("Date", VisibleDate);
  vi.stubGlobal("setInterval", () => 0);
  vi.stubGlobal("setImmediate", queueMicrotask);
  vi.spyOn(performance, "now").mockImplementation(() => visibleClock.monotonicMs);
  vi.spyOn(AbortSignal, "timeout").mockImplementation(timeoutSignal);
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterAll(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test("every schedule ends as promised", { timeout: 600_000 }, async () => {
  const property = fc.asyncProperty(anySchedule, async (schedule) => {
    const world = await new World(schedule).play();
    figures.add(world);
    return violationsOf(world).length === 0;
  });
  const numRuns = path.length > 0 ? 1 : SCHEDULES;
  const endOnFailure = process.env["CHAOS_SHRINK"] === "no";
  const replayed = path.length > 0 && { path: path.join(":") };
  const outcome = await fc.check(property, { seed, numRuns, endOnFailure, ...replayed });
  process.stdout.write(`fast ring, CHAOS_SEED=${seed}: ${figures.summary}\n`);
  const [schedule] = outcome.counterexample ?? [];
  expect(schedule && (await explain(schedule, `${seed}:${outcome.counterexamplePath}`))).toBeUndefined();
});

const isWholeRing = path.length === 0 && SCHEDULES >= 1000;

test.runIf(isWholeRing).for(FAULT_KINDS)("%s: that fault met somebody", (kind) => {
  expect(figures.fired.get(kind)).toBeGreaterThan(10);
});

test.runIf(isWholeRing)("hosts were contested, histories moved, and runs ended in every way", () => {
  expect(figures.contested).toBeGreaterThan(100);
  expect(figures.continuedAsNew).toBeGreaterThan(100);
  expect([...figures.endings.keys()].sort()).toEqual(["CANCELLED", "FAILED", "INVALID", "VALID"]);
  expect(figures.overlaps).toBe(0);
});

test("a schedule that is played twice goes the same way", async () => {
  for (const schedule of fc.sample(anySchedule, { seed, numRuns: 3 })) {
    const first = await new World(schedule).play();
    const second = await new World(schedule).play();
    expect(second.sim.trace).toEqual(first.sim.trace);
  }
});

/** One run, and nothing goes wrong but what the test does. */
const CALM: Schedule = {
  seed,
  sweeps: [
    { host: 0, modes: 1, repetitions: 1, priority: 0, startsAtSec: 0, keepsFailed: false, isInterleaved: false },
  ],
  hosts: "one",
  rival: "none",
  hasSpareWorker: false,
  continueAsNewAfter: 10_000,
  skewsMs: [0],
  faults: [],
};

/** Seconds from the beginning to the end of the sweep's only run. */
const runSecOf = (world: World): number => (world.endedAtMs.get(RUN) ?? Number.NaN) / 1000;

/** What a test does soon after an activity started for the first time. */
function onceAt(world: World, activity: string, act: () => void, afterMs = 500): void {
  let isDone = false;
  world.ours.temporal.onAttempt = (type) => {
    if (type !== activity || isDone) return;
    isDone = true;
    world.sim.after(afterMs, act);
  };
}

describe("a worker that dies", () => {
  const moments = STEPS.flatMap((step) => [[step, "before"] as const, [step, "after"] as const]);

  test.for(moments)("in %s, right %s its work, costs the run 20 s at most", async ([step, moment]) => {
    const calm = await new World(CALM).play();
    const world = new World(CALM);
    world.crashAt = { step, moment };
    await world.play();
    expect(world.crashAt).toBeUndefined();
    expect(violationsOf(world)).toEqual([]);
    expect(world.ours.store.written).toMatchObject([{ run_id: RUN, status: "VALID" }]);
    expect([...(world.runs.get(RUN)?.made.values() ?? [])]).toEqual([1, 1]);
    expect(runSecOf(world) - runSecOf(calm)).toBeLessThan(20);
  });
});

test.for(STEPS)("a server that is away for 4 s in %s costs the run 30 s at most", async (step) => {
  const calm = await new World(CALM).play();
  const world = new World(CALM);
  const { store } = world.ours;
  onceAt(world, ACTIVITY_OF[step], () => takeServerDown(world, 4));
  await world.play();
  expect(violationsOf(world)).toEqual([]);
  expect(store.written).toMatchObject([{ run_id: RUN, status: "VALID" }]);
  expect(runSecOf(world) - runSecOf(calm)).toBeLessThan(30);
});

/** Who is away, by what begins it. */
const OUTAGES: Readonly<Record<string, (world: World, forSec: number) => void>> = {
  "a server": takeServerDown,
  "the only worker": ({ trouble, ours }, forSec) => trouble.kill(ours, ours.workers[0]!, forSec),
  "the host's own worker": ({ trouble, ours }, forSec) => trouble.kill(ours, ours.workers[1]!, forSec),
  "the whole machine": (world, forSec) => {
    for (const engine of world.engines) engine.restart();
    for (const worker of world.ours.workers) world.trouble.kill(world.ours, worker, forSec);
    takeServerDown(world, forSec);
  },
};

function takeServerDown({ sim, ours: { temporal } }: World, forSec: number): void {
  temporal.goDown();
  sim.after(forSec * 1000, () => temporal.comeUp());
}

describe.for(Object.keys(OUTAGES))("%s that is away until long after the deadline", (who) => {
  const host = who === "the host's own worker" ? 1 : 0;
  const schedule: Schedule = { ...CALM, hosts: "two machines", sweeps: [{ ...CALM.sweeps[0]!, host }] };

  test.for(STEPS.filter((step) => step !== "teardown"))("in %s: the run is measured afresh", async (step) => {
    const world = new World(schedule);
    onceAt(world, ACTIVITY_OF[step], () => OUTAGES[who]?.(world, 30 * 60), 20);
    await world.play();
    expect(violationsOf(world)).toEqual([]);
    expect(world.ours.store.listRuns("s1")).toMatchObject([
      { run_id: RUN, status: expect.stringMatching(/FAILED|INVALID/), elapsed_s: null },
      { attempt: 2, status: "VALID" },
    ]);
  });
});

describe.for([
  ["ahead", 600_000],
  ["behind", -600_000],
] as const)("a worker whose clock is ten minutes %s", ([, skewMs]) => {
  test("measures as any other, and its nodes end when they should", async () => {
    const world = new World({ ...CALM, skewsMs: [skewMs] });
    const lifetimesMs: number[] = [];
    const [engine] = world.engines as [SimulatedEngine];
    const createNode = engine.createNode.bind(engine);
    vi.spyOn(engine, "createNode").mockImplementation((run, creation) => {
      lifetimesMs.push(creation.endsAfterMs);
      return createNode(run, creation);
    });
    await world.play();
    expect(violationsOf(world)).toEqual([]);
    expect(world.ours.store.listRuns("s1")).toMatchObject([{ run_id: RUN, status: "VALID" }]);
    for (const lifetimeMs of lifetimesMs) expect(lifetimeMs / 1000).toBeCloseTo(DEADLINE_SEC, -1);
  });
});

test.for(["cancelled", "terminated"] as const)(
  "a sweep that is %s in the main loop is clean 30 s later",
  async (how) => {
    const world = new World(CALM);
    const { temporal, store } = world.ours;
    let leftLater: number | undefined;
    onceAt(world, "followMainLoop", () => {
      if (how === "cancelled") temporal.cancel("sweep-s1");
      else temporal.terminate("sweep-s1");
      world.sim.after(30_000, () => {
        leftLater = world.engines.flatMap((engine) => engine.nodesOf(RUN)).length;
      });
    });
    await world.play();
    expect(leftLater).toBe(0);
    expect(store.written[0]).toMatchObject({ run_id: RUN, status: "CANCELLED", teardown_s: expect.any(Number) });
    expect(violationsOf(world)).toEqual([]);
  },
);

describe("a sweep that is cancelled while its run is being wrapped up", () => {
  test("begins no other, also where its history was to be continued right then", async () => {
    const world = new World({ ...CALM, sweeps: [{ ...CALM.sweeps[0]!, repetitions: 2 }], continueAsNewAfter: 20 });
    onceAt(world, "destroyNodes", () => world.ours.temporal.cancel("sweep-s1"), 1);
    await world.play();
    expect(violationsOf(world)).toEqual([]);
    expect(world.sim.trace.filter((line) => line.includes("sweep-s1 CANCELLED"))).toHaveLength(1);
  });

  test("and has no other left, is done", async () => {
    const world = new World(CALM);
    onceAt(world, "destroyNodes", () => world.ours.temporal.cancel("sweep-s1"), 1);
    await world.play();
    expect(violationsOf(world)).toEqual([]);
    expect(world.ours.store.findSweep("s1")).toMatchObject({ status: "DONE" });
  });
});

test("a run that is cancelled while its nodes are being created leaves none, whenever that is", async () => {
  for (let afterMs = 0; afterMs <= 600; afterMs += 20) {
    const world = new World({ ...CALM, seed: afterMs });
    // So that whoever does not wait is done before those he does not wait for.
    for (const engine of world.engines) engine.latencyMs = [10, 300];
    onceAt(world, "provisionNodes", () => world.ours.temporal.cancel("run-s1-p1-r1-a1"), afterMs);
    await world.play();
    expect(violationsOf(world)).toEqual([]);
    expect(world.ours.store.written[0]?.status).toBe("CANCELLED");
  }
});

test.for([
  ["ends as it would have", () => {}, { status: "VALID", main_s: expect.any(Number), provision_s: null }],
  [
    "fails later",
    (world: World) => onceAt(world, "collectRun", () => world.engines[0]?.restart(), 1),
    { status: "INVALID", main_s: null, provision_s: null },
  ],
] as const)("an interrupted run that goes on and %s says only what it measured itself", async ([, then, row]) => {
  const world = new World(CALM);
  const { temporal, store } = world.ours;
  onceAt(world, "followMainLoop", () => {
    for (const id of ["sweep-s1", `run-${RUN}`, "host-h1"]) temporal.terminate(id);
    then(world);
  });
  await world.play();
  expect(violationsOf(world)).toEqual([]);
  expect(store.written[0]).toMatchObject({ run_id: RUN, ...row });
});

test("an interrupted run that has lost a node meanwhile is kept as INVALID, and a fresh one follows", async () => {
  const world = new World(CALM);
  const { temporal, store } = world.ours;
  onceAt(world, "followMainLoop", () => {
    for (const id of ["sweep-s1", `run-${RUN}`, "host-h1"]) temporal.terminate(id);
    const [engine] = world.engines;
    engine?.removeBehindBack(engine.containers.get(`${RUN}-n2`)!);
  });
  await world.play();
  expect(violationsOf(world)).toEqual([]);
  expect(store.listRuns("s1")).toMatchObject([
    { run_id: RUN, status: "INVALID", reason: expect.stringMatching(/^node lost: /) },
    { attempt: 2, status: "VALID" },
  ]);
});

/** What was broken, how to see it again, and what happened. */
async function explain(schedule: Schedule, replay: string): Promise<string> {
  const world = await new World(schedule).play();
  return [
    ...violationsOf(world),
    `again: CHAOS_SEED=${replay} npx vitest run --project fast test/chaos/fast-ring.test.ts`,
    JSON.stringify(schedule),
    ...world.sim.trace.slice(0, LINE_LIMIT),
  ].join("\n");
}
