import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectedDigests } from "#model/tuples";
import { startLocalDatabases } from "#test/support/local-database";
import type { LocalDatabase, LocalDatabases } from "#test/support/local-database";
import {
  bundleProgram,
  PEER_PASSWORD,
  proofsOf,
  readProgress,
  runNode,
  runNodes,
  seedParts,
  startProgram,
} from "#test/support/node-processes";
import type { NodeOutcome, TestRun } from "#test/support/node-processes";

const NODES = 3;
/** 0.5 s of main loop, with a last batch that is not full. */
const RUN: TestRun = { mode: "replicated", ratePerMin: 30_000, tupleCount: 250, aggregation: 100 };

const POLL = { interval: 5, timeout: 10_000 };

let databases: LocalDatabases;
beforeAll(async () => {
  databases = await startLocalDatabases(NODES, PEER_PASSWORD);
  await bundleProgram(databases);
});
afterAll(() => databases?.stop());

async function expectProven(run: TestRun, outcomes: readonly NodeOutcome[]): Promise<void> {
  expect(outcomes.map(({ phase, exitCode, failure }) => ({ phase, exitCode, failure }))).toEqual(
    Array.from({ length: NODES }, () => ({ phase: "done", exitCode: 0 })),
  );
  const digests = await expectedDigests(seedParts(databases, run));
  const rows = NODES * run.tupleCount;
  expect(await proofsOf(databases)).toEqual(digests.map((digest) => ({ rows, digest })));
}

describe("every database ends with exactly the expected tuples", () => {
  test.for<Partial<TestRun>>([
    { mode: "replicated", engine: "innodb", warmupSec: 0.3 },
    { mode: "replicated", engine: "memory", release: "polled", observe: "off" },
    { mode: "baseline", engine: "innodb", warmupSec: 0.3 },
    { mode: "baseline", engine: "memory", aggregation: 7 },
    { mode: "replicated", client: "literal", warmupSec: 0.3 },
    { mode: "baseline", client: "literal" },
    { mode: "replicated", masterIndex: 3, aggregation: 1 },
  ])("with %o", async (factors) => {
    const run = { ...RUN, ...factors };
    const outcomes = await runNodes(databases, run);
    expect(outcomes.map(({ failure }) => failure)).toEqual([undefined, undefined, undefined]);
    await expectProven(run, outcomes);
  });
});

test("nodes report what they measured, and left the barrier together", async () => {
  const outcomes = await runNodes(databases, { ...RUN, tupleCount: 1_050 });
  for (const { result } of outcomes) {
    expect(result).toMatchObject({ tupleCount: 1_050, expectedSec: 2.1, reconnects: 0, saturatedBatches: 0 });
    expect(result?.elapsedSec).toBeGreaterThanOrEqual(2.1);
    expect(result?.elapsedSec).toBeLessThan(1.05 * 2.1); // 5 ms are usual; a pacer that drifts adds up to more
    for (const lateness of [result?.latenessLocal, result?.latenessRemote, result?.latenessPacing]) {
      expect(lateness?.count).toBe(1_050);
    }
    expect(result?.clocksAtEnd.map(({ peer }) => peer).toSorted()).toEqual([1, 2, 3]);
    expect(result?.facts["database_version"]).toMatch(/^\d/);
  }
  const left = outcomes.map(({ result }) => result?.releasedAtMasterUs ?? Number.NaN);
  // A millisecond or two on a quiet machine; plain polling has up to 50.
  expect(Math.max(...left) - Math.min(...left)).toBeLessThan(40_000);
});

test("with `observe: off` a node shows its release, and nothing more until the main loop is over", async () => {
  const run: TestRun = { ...RUN, tupleCount: 700, observe: "off" };
  const [{ connection }] = databases.all as [LocalDatabase];
  const replacesBefore = await countReplaces(connection);
  const running = runNodes(databases, run);
  await expect.poll(async () => readProgress(databases.all[0] as LocalDatabase), POLL).toMatchObject({ phase: "main" });
  await expectProven(run, await running);
  // waiting, connecting, warmup, barrier, main, finalise, done; a look each second would be one more.
  expect((await countReplaces(connection)) - replacesBefore).toBe(7);
});

async function countReplaces(connection: LocalDatabase["connection"]): Promise<number> {
  const [[status]] = (await connection.query("SHOW GLOBAL STATUS LIKE 'Com_replace'")) as unknown as [
    [{ Value: string }],
  ];
  return Number(status.Value);
}

test("a schedule stretched by 5 % shows as a deviation of 5 %", async () => {
  // Ten seconds, so that the end of a loop on a busy machine weighs little: half a per cent is 50 ms.
  const run = { ...RUN, ratePerMin: 6_000, tupleCount: 1_000 };
  const outcomes = await runNodes(databases, run, { MESHBENCH_TEST: "1", MESHBENCH_STRETCH: "1.05" });
  const deviations = outcomes.map(({ result: { elapsedSec = 0, expectedSec = 1 } = {} }) => elapsedSec / expectedSec);
  // Of the least disturbed node: a busy machine adds lateness.
  expect(Math.abs(100 * (Math.min(...deviations) - 1) - 5)).toBeLessThanOrEqual(0.5);
});

test("a staggered node starts later and takes as long", async () => {
  const run: TestRun = { ...RUN, phase: "staggered", phaseOffsetMs: 1_500 };
  const outcomes = await runNodes(databases, run);
  await expectProven(run, outcomes);
  for (const { result } of outcomes) {
    expect(result?.elapsedSec).toBeLessThan(0.5 + 1.5);
    expect(result?.mainSec).toBeCloseTo((result?.elapsedSec ?? 0) + 1.5, 6);
  }
});

test("a node that stands still while it waits for the others shows the gap", async () => {
  await databases.reset("innodb");
  const slow: TestRun = { ...RUN, phase: "staggered", phaseOffsetMs: 2_000 };
  const others = [2, 3].map((index) => runNode(databases, slow, index));
  let program: ChildProcess | undefined;
  const early = runNode(databases, RUN, 1, {}, (child) => (program = child));
  await expect.poll(async () => (await readProgress(databases.all[0] as LocalDatabase)).phase, POLL).toBe("finalise");
  program?.kill("SIGSTOP");
  await delay(1_200); // The fault itself.
  program?.kill("SIGCONT");
  const [{ result }] = [await early, ...(await Promise.all(others))];
  expect(result?.longestGapMs).toBeGreaterThan(1_000);
});

test("connections that break in the main loop cost no tuple and bring no duplicate", async () => {
  const run = { ...RUN, ratePerMin: 60_000, tupleCount: 2_000, aggregation: 10 };
  const running = runNodes(databases, run);
  const victim = databases.all[1] as LocalDatabase;
  await expect.poll(async () => (await readProgress(victim)).phase, POLL).toBe("main");
  const [peers] = await victim.connection.query("SELECT id FROM information_schema.processlist WHERE user = 'peer'");
  for (const { id } of peers as { id: number }[]) await victim.connection.query(`KILL ${id}`);
  const outcomes = await running;
  await expectProven(run, outcomes);
  expect(outcomes.map(({ result }) => result?.reconnects)).toEqual([1, 0, 1]);
});

describe("a node that cannot take part says why", () => {
  test("when a node is missing at the barrier", async () => {
    await databases.reset("innodb");
    const run = { ...RUN, barrierTimeoutSec: 1 };
    const outcomes = await Promise.all([1, 3].map((index) => runNode(databases, run, index)));
    for (const { phase, exitCode, failure } of outcomes) {
      expect({ phase, exitCode }).toEqual({ phase: "failed", exitCode: 0 });
      expect(failure).toEqual({ kind: "barrier", message: "2 of 3 nodes arrived, node 2 is missing" });
    }
  });

  test("when a peer has no connection left for it", async () => {
    await databases.reset("innodb");
    const { connection, address } = databases.all[1] as LocalDatabase;
    await connection.query("SET GLOBAL max_connections = 10");
    // Ten connections and one more for an administrator: the tests' own is the eleventh.
    const idle = await Promise.all(Array.from({ length: 10 }, () => (databases.all[1] as LocalDatabase).connect()));
    try {
      const { failure } = await runNode(databases, { ...RUN, barrierTimeoutSec: 0.5 }, 1);
      expect(failure?.kind).toBe("sync");
      expect(failure?.message).toBe(`too many connections at node 2 (${address}), need max_connections >= 5`);
    } finally {
      for (const one of idle) one.destroy();
      await connection.query("SET GLOBAL max_connections = 300");
    }
  });

  test("when its own database has only one connection left for it", async () => {
    await databases.reset("innodb");
    const own = databases.all[0] as LocalDatabase;
    await own.connection.query("SET GLOBAL max_connections = 10");
    // With the tests' own ten, and one more for an administrator: here the program's first is the eleventh.
    const idle = await Promise.all(Array.from({ length: 9 }, () => own.connect()));
    try {
      const { failure } = await runNode(databases, { ...RUN, barrierTimeoutSec: 0.5 }, 1);
      const message = "too many connections at node 1 (its own database), need max_connections >= 5";
      expect(failure).toEqual({ kind: "sync", message });
    } finally {
      for (const one of idle) one.destroy();
      await own.connection.query("SET GLOBAL max_connections = 300");
    }
  });

  test("when a peer stops answering before the barrier", async () => {
    await databases.reset("innodb");
    const [own, peer] = databases.all as [LocalDatabase, LocalDatabase];
    const running = runNode(databases, { ...RUN, warmupSec: 10, barrierTimeoutSec: 1.5 }, 1);
    await expect.poll(async () => (await readProgress(own)).phase, POLL).toBe("warmup");
    peer.freeze();
    try {
      const { failure } = await running;
      expect(failure).toEqual({ kind: "sync", message: `no answer from node 2 (${peer.address})` });
    } finally {
      peer.thaw();
    }
  });

  test("when a peer's name has no address", async () => {
    await databases.reset("innodb");
    const { failure } = await runNode(databases, { ...RUN, resolve: "names", barrierTimeoutSec: 0.5 }, 1);
    expect(failure?.kind).toBe("dns");
    expect(failure?.message).toContain("node-2.invalid has no address");
  });

  test("when the worker speaks another protocol", async () => {
    await databases.reset("innodb");
    const { failure } = await runNode(databases, { ...RUN, protocol: 99 }, 1);
    expect(failure).toEqual({ kind: "protocol", message: "this node speaks version 1, the worker 99" });
  });

  test("when the table of a database is full", async () => {
    await databases.reset("memory");
    const small = databases.all[2] as LocalDatabase;
    await small.connection.query("SET max_heap_table_size = 16384");
    await small.connection.query("ALTER TABLE tuple MAX_ROWS = 10");
    const running = [1, 2, 3].map((index) => runNode(databases, { ...RUN, tupleCount: 2_000 }, index));
    const failures = (await Promise.race(running.map((one) => one.then((outcome) => [outcome])))).map(
      ({ failure }) => failure,
    );
    expect(failures[0]?.kind).toBe("disk full");
    await Promise.all(running);
  });
});

test("SIGTERM ends a node at once", async () => {
  await databases.reset("innodb");
  const child = startProgram(databases, 1);
  const exited = once(child, "exit");
  await expect.poll(async () => (await readProgress(databases.all[0] as LocalDatabase)).phase, POLL).toBe("waiting");
  child.kill("SIGTERM");
  expect(await exited).toEqual([143, null]);
});
