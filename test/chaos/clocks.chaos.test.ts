import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSqliteStore } from "#activities/results/sqlite-store";
import type { WallClock } from "#model/clocks";
import { NODE_ENV } from "#model/node-protocol";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import { ONE_ATTEMPT } from "#test/chaos/support/node-faults/after-fault";
import { DerivedImage } from "#test/chaos/support/node-faults/derived-image";
import { fakeClockEnvironment, fakeTimeLibrary } from "#test/chaos/support/node-faults/fake-clock";
import type { FakeClock } from "#test/chaos/support/node-faults/fake-clock";

const LIBRARY = "/usr/local/lib/faketime.so";

/** Database, node program and PID 1's deadline of one node live by this clock; the other nodes' are right. */
function makeImage(nodeIndex: number, clock: FakeClock): Promise<DerivedImage> {
  const settings = Object.entries(fakeClockEnvironment(clock, LIBRARY)).map(([name, value]) => `'${name}=${value}'`);
  const fakeIfWanted = [
    "#!/bin/bash",
    "fake=()",
    `[[ $${NODE_ENV.nodeIndex} != ${nodeIndex} ]] || fake=(/usr/bin/env ${settings.join(" ")})`,
  ];
  const files = {
    // Past the change of users: libfaketime marks each process, and what root has marked nobody else may look at.
    "/usr/local/sbin/setpriv": [
      ...fakeIfWanted,
      "options=()",
      "while [[ $1 != -- ]]; do options+=($1); shift; done",
      'exec /usr/bin/setpriv "${options[@]}" -- "${fake[@]}" "${@:2}"',
    ],
    "/usr/local/sbin/sleep": [...fakeIfWanted, 'exec "${fake[@]}" /usr/bin/sleep "$@"'],
  };
  const texts = Object.entries(files).map(([path, lines]) => [path, { text: `${lines.join("\n")}\n` }] as const);
  return DerivedImage.make({
    files: { [LIBRARY]: { copyOf: fakeTimeLibrary() }, ...Object.fromEntries(texts) },
  });
}

describe("a node's clock", () => {
  let chaos: ChaosHarness;
  beforeAll(async () => {
    chaos = await ChaosHarness.up();
  });
  afterAll(() => chaos[Symbol.asyncDispose]());

  async function measure(image: DerivedImage) {
    const environments = { containers: { ...chaos.installation.environment(), image: image.id } };
    const sweep = await chaos.startSweep("f40", { nodes: 3, durationSec: 5, rest: { ...ONE_ATTEMPT, environments } });
    sweep.faultIsOver();
    const { rows } = await sweep.ended();
    return { row: rows[0], wallClocks: await readWallClocks(sweep.runId) };
  }

  async function readWallClocks(runId: string): Promise<readonly WallClock[]> {
    const store = openSqliteStore(join(chaos.installation.home, "results"));
    try {
      return (await store.readEvidence(runId))?.wallClocks ?? [];
    } finally {
      store.close();
    }
  }

  test.for([
    ["ahead", "a node", { nodeIndex: 2, spec: "+300s" }],
    ["behind", "the master", { nodeIndex: 1, spec: "-300s" }],
  ] as const)(
    "F40: a wall clock five minutes %s on %s changes no duration, and is recorded",
    async ([, , { nodeIndex, spec }]) => {
      await using image = await makeImage(nodeIndex, { spec });
      const { row, wallClocks } = await measure(image);
      expect(row).toMatchObject({ status: "VALID", consistent: true });
      expect(row?.elapsed_s).toBeLessThan(6);
      const offset = wallClocks.find(({ node }) => node === nodeIndex)?.offsetMs ?? 0;
      expect(offset / 1000).toBeCloseTo(Number.parseInt(spec), 0);
      expect(await chaos.violations()).toEqual([]);
    },
  );

  test("F40: a node whose monotonic clock runs 5 % fast is found out by its peers", async () => {
    await using image = await makeImage(2, { spec: "+0 x1.05", isMonotonicToo: true });
    const { row } = await measure(image);
    expect(row).toMatchObject({ status: "INVALID", consistent: true });
    expect(row?.reason).toMatch(/^clock: elapsed time is -?\d+\.\d ms off the peers' median, .*node 2\b/);
    expect(await chaos.violations()).toEqual([]);
  });
});

describe.for([
  ["five minutes ahead", { spec: "+300s" }],
  ["five minutes behind", { spec: "-300s" }],
  ["5 % fast, monotonic clock and all", { spec: "+0 x1.05", isMonotonicToo: true }],
] as const)("a worker whose clock is %s", ([, clock]) => {
  let chaos: ChaosHarness;
  beforeAll(async () => {
    chaos = await ChaosHarness.up({ env: fakeClockEnvironment(clock) });
  });
  afterAll(() => chaos[Symbol.asyncDispose]());

  test("F40: ends no run early, loses no lease, and changes no figure", async () => {
    const sweep = await chaos.startSweep("f40-worker", { rest: ONE_ATTEMPT });
    sweep.faultIsOver();
    const { rows } = await sweep.ended();
    expect(rows).toMatchObject([{ status: "VALID", reason: "" }]);
    expect(rows[0]?.elapsed_s).toBeLessThan(5);
    expect(await chaos.violations()).toEqual([]);
  });
});
