import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { CLIENTS } from "#model/spec";
import { KEY_BYTES, TupleStream } from "#model/tuples";
import { openBatchLimit } from "#node/batched-loop";
import { nowUs } from "#node/clock";
import { LoopRecord } from "#node/loop";
import type { LoopInput } from "#node/loop";
import { runMainLoop } from "#node/main-loop";
import { Schedule } from "#node/schedule";
import { FakeRowSink } from "#test/support/fake-row-sink";

const NAMES = ["own", "first", "second"];
const SEED = "0123456789abcdef".repeat(2);

function inputOf(
  input: Pick<LoopInput, "local" | "remote" | "aggregation"> & { tupleCount: number; ratePerMin?: number },
) {
  const { tupleCount, ratePerMin = Number.POSITIVE_INFINITY } = input;
  return {
    tuples: new TupleStream(SEED),
    table: "tuple",
    tickUs: 1_000,
    record: new LoopRecord(),
    ...input,
    schedule: new Schedule({ startUs: nowUs(), ratePerMin, tupleCount }),
  } satisfies LoopInput;
}

/** Keys of the first tuples of the seed, in hex. */
function keysOf(tupleCount: number): string[] {
  const { keys } = new TupleStream(SEED).take(tupleCount);
  return Array.from({ length: tupleCount }, (_, i) => keys.toString("hex", i * KEY_BYTES, (i + 1) * KEY_BYTES));
}

const keysIn = (statement: string): string[] => statement.match(/[0-9a-f]{32}/g) ?? [];

describe.for(CLIENTS)("client %s", (client) => {
  test("sends every tuple once to the own database and to every peer", async () => {
    const local = [new FakeRowSink("at once")];
    const remote = [new FakeRowSink("at once"), new FakeRowSink("at once")];
    const input = inputOf({ local, remote, aggregation: 4, tupleCount: 10 });
    await runMainLoop(client, input);
    expect(local[0]?.sent).toEqual(keysOf(10));
    for (const { sent } of remote) expect(sent.flatMap(keysIn)).toEqual(keysOf(10));
    expect(input.record).toMatchObject({ tuplesLocal: 10, tuplesRemote: 10, saturatedBatches: 0 });
    const { local: own, remote: far, pacing } = input.record;
    expect([own, far, pacing].map((lateness) => lateness.summary().count)).toEqual([10, 10, 10]);
  });

  test("never has two statements in flight on one connection", async () => {
    const sinks = Array.from({ length: 4 }, () => new FakeRowSink("at once"));
    await runMainLoop(
      client,
      inputOf({ local: sinks.slice(0, 2), remote: sinks.slice(2), aggregation: 3, tupleCount: 50 }),
    );
    expect(Math.max(...sinks.map(({ mostInFlight }) => mostInFlight))).toBe(1);
  });

  test("keeps the pace: no tuple goes out before it is due", async () => {
    const input = inputOf({
      local: [new FakeRowSink("at once")],
      remote: [],
      aggregation: 10,
      tupleCount: 30,
      ratePerMin: 18_000,
    });
    await runMainLoop(client, input);
    expect(input.record.lastAcknowledgedUs).toBeGreaterThanOrEqual(input.schedule.dueUs(30));
  });

  test("ends with the failure of a peer", async () => {
    const peer = new FakeRowSink("when told");
    const running = runMainLoop(
      client,
      inputOf({ local: [new FakeRowSink("at once")], remote: [peer], aggregation: 1, tupleCount: 3 }),
    );
    await setImmediate();
    peer.acknowledge(new Error("table is full"));
    await expect(running).rejects.toThrow("table is full");
  });
});

describe("client batched", () => {
  test("sends a batch to the peers when all its tuples are acknowledged, not before", () => {
    const local = new FakeRowSink("when told");
    const peer = new FakeRowSink("when told");
    void runMainLoop("batched", inputOf({ local: [local], remote: [peer], aggregation: 2, tupleCount: 3 }));
    local.acknowledge();
    expect(peer.sent).toEqual([]);
    local.acknowledge();
    expect(peer.sent.map(keysIn)).toEqual([keysOf(2)]);
  });

  test("sends the last batch though it is not full", async () => {
    const peer = new FakeRowSink("at once");
    await runMainLoop(
      "batched",
      inputOf({ local: [new FakeRowSink("at once")], remote: [peer], aggregation: 100, tupleCount: 250 }),
    );
    expect(peer.sent.map((statement) => keysIn(statement).length)).toEqual([100, 100, 50]);
  });

  test("goes on with local inserts while a peer is slow, up to the bound, and says for how long it waited", async () => {
    const aggregation = 6_400;
    expect(openBatchLimit(aggregation)).toBe(2);
    const local = new FakeRowSink("at once");
    const peer = new FakeRowSink("when told");
    const input = inputOf({ local: [local], remote: [peer], aggregation, tupleCount: 4 * aggregation });
    const running = runMainLoop("batched", input);
    await setImmediate();
    expect(local.sent).toHaveLength(2 * aggregation);
    expect(peer.sent).toHaveLength(1);
    for (let batch = 0; batch < 4; batch++) {
      peer.acknowledge();
      await setImmediate();
    }
    await running;
    expect(local.sent).toEqual(keysOf(4 * aggregation));
    expect(input.record.saturatedBatches).toBe(2);
    expect(input.record.saturatedUs).toBeGreaterThan(0);
  });

  test("counts a tuple as remote when the slowest peer has it", async () => {
    const [fast, slow] = [new FakeRowSink("at once"), new FakeRowSink("when told")];
    const input = inputOf({ local: [new FakeRowSink("at once")], remote: [fast, slow], aggregation: 5, tupleCount: 5 });
    const running = runMainLoop("batched", input);
    await setImmediate();
    expect(input.record).toMatchObject({ tuplesLocal: 5, tuplesRemote: 0 });
    slow.acknowledge();
    await running;
    expect(input.record.tuplesRemote).toBe(5);
  });
});

test("client literal goes row by row and peer by peer, and local inserts wait meanwhile", async () => {
  const journal: string[] = [];
  const [own, first, second] = NAMES.map((name) => new FakeRowSink("at once", name, journal));
  const links = { local: [own as FakeRowSink], remote: [first as FakeRowSink, second as FakeRowSink] };
  await runMainLoop("literal", inputOf({ ...links, aggregation: 2, tupleCount: 3 }));
  const [ofTwo, ofOne] = [2, 1].map((size) => NAMES.flatMap((name) => Array.from({ length: size }, () => name)));
  expect(journal).toEqual([...(ofTwo ?? []), ...(ofOne ?? [])]);
});
