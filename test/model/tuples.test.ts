import { expect, test } from "vitest";
import { digestOfNode, expectedDigests, runDigest } from "#model/tuples";

const first = { rows: 120, digest: "00000000000000ff" };
const second = { rows: 120, digest: "0123456789abcdef" };

test("a run's digest is what sha256sum makes of a line count:digest per database, in node order", () => {
  // printf '120:00000000000000ff\n120:0123456789abcdef' | sha256sum | cut -c1-16
  expect(runDigest([first, second])).toBe("98d915588a86bda6");
  expect(runDigest([second, first])).not.toBe("98d915588a86bda6");
});

test("a run's digest tells databases apart that hold other counts with the same sum", () => {
  expect(runDigest([first, { ...second, rows: 121 }])).not.toBe(runDigest([first, second]));
});

test("expecting the digest of many copies lets others have their turns", async () => {
  let turns = 0;
  const turn = () => {
    turns++;
    next = setImmediate(turn);
  };
  let next = setImmediate(turn);
  const copies = Array.from({ length: 15 }, (_, copy) => copy);
  await digestOfNode("00".repeat(16), 4096, copies);
  clearImmediate(next);
  expect(turns).toBeGreaterThanOrEqual((4096 * 15) / 2048);
});

test("expecting digests stops when it is told to", async () => {
  const told = new AbortController();
  const load = { mode: "replicated", nodes: 15, ratePerMin: 5000, aggregation: 100, tupleCount: 10_000_000 } as const;
  const digests = expectedDigests({ sweepSeed: 1, repetition: 1, ...load }, told.signal);
  told.abort(new Error("stop"));
  await expect(digests).rejects.toThrow("stop");
});
