import { afterEach, expect, test } from "vitest";
import { HostMeter } from "#activities/guards/host-meter";
import type { Reading } from "#activities/guards/host-meter";
import { LocalHostGuards } from "#activities/guards/host-guards";
import { BenchError } from "#model/errors";
import { DEFAULT_GUARDS } from "#model/guards";
import type { GuardRecord } from "#model/guards";
import type { NodeHandle } from "#model/run";
import { docker } from "#test/support/docker-harness";
import { LOAD_NAME, startForeignLoad, startOwnLoad } from "#test/support/foreign-load";
import type { Load } from "#test/support/foreign-load";
import { requireNodeImage } from "#test/support/node-image";
import { TempDir } from "#test/support/temp-dir";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

/** Until the test ends. */
async function during(starting: Promise<Load>): Promise<void> {
  const load = await starting;
  cleanUps.push(() => load.stop());
}

/** Looks until enough was seen that the clock's grain does not matter. */
async function readAfter(meter: HostMeter, sec: number): Promise<Reading> {
  const endMs = performance.now() + 1000 * sec;
  await expect.poll(() => performance.now() > endMs, { timeout: 10_000, interval: 50 }).toBe(true);
  return meter.read();
}

const foreignSec = ({ interval: { busySec, ownSec } }: Reading): number => busySec - ownSec;

test("another program's load is seen as foreign, with its name and about what it used", async () => {
  const meter = new HostMeter([]);
  await during(startForeignLoad());
  meter.read();
  const reading = await readAfter(meter, 2);
  const load = reading.programs.find(({ name }) => name === LOAD_NAME);
  expect(load?.cpuSec).toBeGreaterThan(0.2); // others may want the processor as well
  expect(foreignSec(reading)).toBeGreaterThan(0.7 * load!.cpuSec);
  expect(reading.interval.busySec).toBeLessThan(1.1 * reading.interval.sec * meter.cpus);
});

test("the worker's own load is not", async () => {
  const meter = new HostMeter([]);
  await during(startOwnLoad());
  meter.read();
  const reading = await readAfter(meter, 2);
  expect(reading.programs.map(({ name }) => name)).not.toContain(LOAD_NAME);
  expect(reading.interval.ownSec).toBeGreaterThan(0.2);
});

/** A container that is busy, and held back by its limit. */
async function startBusyContainer(): Promise<NodeHandle> {
  const container = await docker.createContainer({
    Image: (await requireNodeImage()).tag,
    Entrypoint: ["sh", "-c", "while :; do :; done"],
    Labels: { "meshbench-test": "guards" },
    HostConfig: { NanoCpus: 0.4e9, NetworkMode: "none" },
  });
  cleanUps.push(() => container.remove({ force: true, v: true }));
  await container.start();
  return { index: 1, id: container.id, name: "busy", address: "198.18.0.2", port: 3306 };
}

test("a node's load is foreign to everybody but its run, which sees its throttling", async () => {
  const node = await startBusyContainer();
  const ownMeter = new HostMeter([node]);
  const strangersMeter = new HostMeter([]);
  expect(ownMeter.seesAllNodes).toBe(true);
  const [before] = ownMeter.readNodes();
  const own = await readAfter(ownMeter, 2);
  const strangers = strangersMeter.read();
  const [after] = ownMeter.readNodes();

  const usedSec = after!.cpuSec! - before!.cpuSec!;
  expect(usedSec).toBeGreaterThan(0.1);
  expect(after!.throttledPeriods).toBeGreaterThan(before!.throttledPeriods!);
  expect(after!.throttledSec).toBeGreaterThan(0);
  expect(after!.listenOverflows).toBe(0);
  expect(foreignSec(strangers) - foreignSec(own)).toBeGreaterThan(0.5 * usedSec);
  expect(own.programs.map(({ name }) => name)).not.toContain("sh");
});

test("nodes that are not on this machine are not sampled", async () => {
  using dir = new TempDir();
  const guards = new LocalHostGuards(DEFAULT_GUARDS);
  const elsewhere = { index: 1, id: "f".repeat(64), name: "elsewhere", address: "198.18.0.2", port: 3306 };
  guards.watch(dir.join("guards.jsonl"), [elsewhere]).stop();
  expect(await guards.recordOf(dir.join("guards.jsonl"), [elsewhere])).toBe("not sampled");
});

test("a host that is not quiet is waited for, then refused with its load", async () => {
  await during(startForeignLoad());
  const guards = new LocalHostGuards({ ...DEFAULT_GUARDS, foreignCpuPct: 1, quietWaitSec: 2 });
  const waits: string[] = [];
  const refused = guards.awaitQuiet(AbortSignal.timeout(10_000), (what) => waits.push(what));
  const error: unknown = await refused.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(BenchError);
  expect((error as BenchError).reason).toMatch(/^busy host: \d+ % foreign CPU, most of it .+, limit 1 %, after \d s/);
  expect(waits.length).toBeGreaterThan(0);
  expect(waits[0]).toMatch(/^a quiet host: \d+ % foreign CPU/);
});

test("waiting for a quiet host ends when the run is cancelled", async () => {
  const guards = new LocalHostGuards({ ...DEFAULT_GUARDS, foreignCpuPct: 25 });
  const waited = guards.awaitQuiet(AbortSignal.abort(), () => {});
  await expect(waited).rejects.toThrow("aborted");
});

test("samples follow each other without a gap, at most once a second", async () => {
  using dir = new TempDir();
  const guards = new LocalHostGuards(DEFAULT_GUARDS);
  const startedMs = performance.now();
  const watch = guards.watch(dir.join("guards.jsonl"), []);
  await expect.poll(() => performance.now() - startedMs > 3200, { timeout: 10_000 }).toBe(true);
  watch.stop();
  const watchedSec = (performance.now() - startedMs) / 1000;
  const record = (await guards.recordOf(dir.join("guards.jsonl"), [])) as GuardRecord;
  expect(record.sampledSec).toBeGreaterThan(watchedSec - 0.5);
  expect(record.sampledSec).toBeLessThan(watchedSec);
  expect(record.samples.rows.length).toBeLessThanOrEqual(Math.ceil(watchedSec));
  expect(record.foreign.enginesGone).toEqual([]);
});
