import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { FenceClaim } from "#activities/fence/fence-mark";
import { EsxiHarness, TINY_IMAGE } from "#test/support/esxi-harness";

const NEVER = new AbortController().signal;
let harness: EsxiHarness;
let mine: EsxiHarness["provider"]["fence"];
let theirs: EsxiHarness["provider"]["fence"];
const runIds: string[] = [];

beforeAll(async () => {
  harness = await EsxiHarness.start({ mode: "esx", hasContainers: false });
  mine = harness.provider.fence;
  theirs = harness.otherWorker.fence;
});
afterEach(async () => {
  for (const runId of runIds.splice(0)) await mine.release(runId);
});
afterAll(() => harness.close());

function newClaim(deadlineInSec = 600): FenceClaim {
  const runId = `lease-${randomBytes(3).toString("hex")}-p1-r1-a1`;
  runIds.push(runId);
  const deadlineAt = new Date(Date.now() + deadlineInSec * 1000).toISOString();
  const token = randomBytes(16).toString("hex");
  return { runId, host: "here", deadlineAt, domain: "test", token, imageDigest: TINY_IMAGE };
}

test("one run at a time has the host; the next learns who and until when", async () => {
  const [first, second] = [newClaim(), newClaim()];
  expect(await mine.take(first, NEVER)).toBeUndefined();
  const { runId, deadlineAt } = first;
  const where = expect.stringContaining("folder meshbench-lease/");
  expect(await theirs.take(second, NEVER)).toMatchObject({ runId, host: "here", deadlineAt, where });
  expect(await mine.take(first, NEVER)).toBeUndefined();
  expect([await mine.holds(first.token), await theirs.holds(second.token)]).toEqual([true, false]);
  expect(await theirs.list()).toHaveLength(1);
  await theirs.release(second.runId);
  expect(await mine.holds(first.token)).toBe(true);
  await mine.release(runId);
  expect(await theirs.list()).toEqual([]);
});

test("of many that come at once at most one gets the host", async () => {
  const claims = Array.from({ length: 4 }, () => newClaim());
  const holders = await Promise.all(claims.map((claim, i) => (i % 2 ? mine : theirs).take(claim, NEVER)));
  expect(holders.filter((holder) => holder === undefined).length).toBeLessThanOrEqual(1);
});

test("a mark past its deadline is replaced, and its holder notices before it acts", async () => {
  const [stale, next] = [newClaim(-60), newClaim()];
  expect(await mine.take(stale, NEVER)).toBeUndefined();
  expect(await mine.holds(stale.token)).toBe(false);
  expect(await theirs.take(next, NEVER)).toBeUndefined();
  expect((await mine.list()).map(({ runId }) => runId)).toEqual([next.runId]);
});

test("a run that goes on with a later deadline keeps the host", async () => {
  const claim = newClaim();
  const later = { ...claim, deadlineAt: new Date(Date.now() + 1_200_000).toISOString() };
  expect(await mine.take(claim, NEVER)).toBeUndefined();
  expect(await mine.take(later, NEVER)).toBeUndefined();
  expect((await mine.list()).map(({ deadlineAt }) => deadlineAt)).toEqual([later.deadlineAt]);
  expect(await mine.holds(claim.token)).toBe(true);
});

test("all who use a host give it one name", async () => {
  expect(await mine.engineId()).toBe(await theirs.engineId());
});
