import { decodeFromCompressedBase64 } from "hdr-histogram-js";
import { describe, expect, test } from "vitest";
import { timerMs } from "#node/clock";
import { DatabaseClock, readingOf } from "#node/database-clock";
import { GapWatch } from "#node/gap-watch";
import { Lateness } from "#node/lateness";

describe("lateness", () => {
  test("keeps three digits of every value, and the histogram can be read by others", () => {
    const lateness = new Lateness();
    for (let us = 1; us <= 10_000; us++) lateness.record(us);
    const { count, p50Ms, p99Ms, maxMs, histogram } = lateness.summary();
    expect(count).toBe(10_000);
    expect(p50Ms).toBeCloseTo(5, 1);
    expect(p99Ms).toBeCloseTo(9.9, 1);
    expect(maxMs).toBeCloseTo(10, 1);
    expect(decodeFromCompressedBase64(histogram).totalCount).toBe(10_000);
  });

  test("stays small: a million values of all sizes are some kilobytes", () => {
    const lateness = new Lateness();
    for (let i = 0; i < 1_000_000; i++) lateness.record(i % 60_000_000);
    expect(lateness.summary().histogram.length).toBeLessThan(20_000);
  });

  test("counts what is early as on time, and what is out of range as an hour", () => {
    const lateness = new Lateness();
    lateness.record(-0.4);
    lateness.record(1e12);
    expect(lateness.summary()).toMatchObject({ count: 2, p50Ms: 0 });
    expect(lateness.summary().maxMs / 3_600_000).toBeCloseTo(1, 2);
  });

  test("of nothing is a summary of zeros", () => {
    expect(new Lateness().summary()).toMatchObject({ count: 0, p50Ms: 0, p99Ms: 0, maxMs: 0 });
  });
});

describe("a database's clock", () => {
  test("is believed by the reading with the smallest round trip", () => {
    const clock = new DatabaseClock(readingOf(0, 10_000, 1_000_000));
    clock.add(readingOf(20_000, 20_200, 1_020_100));
    expect(clock.toDatabaseUs(50_000)).toBe(1_050_000);
    expect(clock.toMonotonicUs(1_050_000)).toBe(50_000);
    expect(clock.errorUs).toBe(100);
    expect(clock.spreadUs).toBe(9_800);
  });

  test("that was set anew is believed again after a few readings", () => {
    const clock = new DatabaseClock(readingOf(0, 100, 50));
    for (let i = 1; i <= 16; i++) clock.add(readingOf(i * 1_000, i * 1_000 + 200, 5_000_000 + i * 1_000 + 100));
    expect(clock.toDatabaseUs(0)).toBe(5_000_000);
  });
});

test("a timer is never set to fire early", () => {
  expect([0, 1, 999, 1_000, 1_001, -5].map(timerMs)).toEqual([0, 1, 1, 1, 2, 0]);
});

test("a program that stood still notices", async () => {
  const watch = new GapWatch();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 120);
  watch.stop();
  expect(watch.longestMs).toBeGreaterThanOrEqual(119);
});
