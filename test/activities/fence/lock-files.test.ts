import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { FenceClaim } from "#activities/fence/fence-mark";
import { LockFiles } from "#activities/fence/lock-files";
import { DEADLINE_AT } from "#test/support/host-harness";
import { TempDir } from "#test/support/temp-dir";

function claimOf(runId: string, overrides: Partial<FenceClaim> = {}): FenceClaim {
  const rest = { host: "local", deadlineAt: DEADLINE_AT, domain: `domain-of-${runId}`, imageDigest: "" };
  return { runId, token: `token-of-${runId}`, ...rest, ...overrides };
}

/** As two installations on one machine would have it. */
function twoInstallations(dir: TempDir) {
  return [new LockFiles(dir.path), new LockFiles(dir.path)] as const;
}

test("a second installation learns who has the machine, and gets it after the release", async () => {
  using dir = new TempDir();
  const [mine, theirs] = twoInstallations(dir);
  expect(await mine.take(claimOf("a"))).toBeUndefined();
  const expected = { runId: "a", host: "local", deadlineAt: DEADLINE_AT, where: expect.stringContaining("lock file") };
  expect(await theirs.take(claimOf("b"))).toMatchObject(expected);
  expect(await theirs.holds("token-of-b")).toBe(false);
  await mine.release("a");
  expect(await theirs.take(claimOf("b"))).toBeUndefined();
  expect(await mine.holds("token-of-a")).toBe(false);
  await theirs.release("b");
  expect(readdirSync(dir.path)).toEqual([]);
});

test("of many that come at once at most one gets the machine, and somebody gets it in the end", async () => {
  using dir = new TempDir();
  const claims = Array.from({ length: 8 }, (_, i) => claimOf(`run${i}`));
  const waiting = new Set(claims);
  for (let round = 0; waiting.size > 0 && round < 200; round++) {
    const tries = [...waiting].map(async (claim) => ({
      claim,
      holder: await new LockFiles(dir.path).take(claim),
    }));
    const winners = (await Promise.all(tries)).filter(({ holder }) => holder === undefined);
    expect(winners.length).toBeLessThanOrEqual(1);
    // Alone, so that the rounds end: two that come in step may both withdraw.
    const [first] = winners.length > 0 ? winners : [await takeAlone([...waiting][0]!, dir)];
    waiting.delete(first!.claim);
    await new LockFiles(dir.path).release(first!.claim.runId);
  }
  expect(waiting.size).toBe(0);
});

async function takeAlone(claim: FenceClaim, dir: TempDir) {
  const holder = await new LockFiles(dir.path).take(claim);
  expect(holder).toBeUndefined();
  return { claim, holder };
}

test("the same run gets it again, from another worker, while somebody else looks around", async () => {
  using dir = new TempDir();
  const [mine, other] = twoInstallations(dir);
  await mine.take(claimOf("a"));
  const [again, theirs] = await Promise.all([other.take(claimOf("a")), mine.take(claimOf("b"))]);
  expect(again).toBeUndefined();
  expect(theirs).toMatchObject({ runId: "a" });
  expect(await mine.holds("token-of-a")).toBe(true);
});

test("runs of one Temporal namespace measure beside each other on hosts of their own, not on one", async () => {
  using dir = new TempDir();
  const [one, two] = twoInstallations(dir);
  const domain = "shared";
  expect(await one.take(claimOf("a", { domain, host: "first" }))).toBeUndefined();
  expect(await two.take(claimOf("b", { domain, host: "second" }))).toBeUndefined();
  expect(await two.take(claimOf("c", { domain, host: "first" }))).toMatchObject({ runId: "a" });
  expect(await two.take(claimOf("d"))).toBeDefined();
});

test("whoever is past its deadline has the machine no longer, and holds up nobody", async () => {
  using dir = new TempDir();
  let now = new Date("2026-01-01T00:00:00.000Z");
  const locks = new LockFiles(dir.path, { now: () => now });
  const deadlineAt = "2026-01-01T00:01:00.000Z";
  await locks.take(claimOf("a", { deadlineAt }));
  expect(await locks.holds("token-of-a")).toBe(true);
  now = new Date("2026-01-01T00:02:00.000Z");
  expect(await locks.holds("token-of-a")).toBe(false);
  expect(await locks.take(claimOf("b"))).toBeUndefined();
  expect(readdirSync(dir.path).sort()).toEqual(["token-of-b.claim.json", "token-of-b.held"]);
});

test("a run that goes on with a later deadline keeps the machine until then", async () => {
  using dir = new TempDir();
  const locks = new LockFiles(dir.path);
  await locks.take(claimOf("a"));
  const deadlineAt = "2127-01-01T00:00:00.000Z";
  expect(await locks.take(claimOf("a", { deadlineAt }))).toBeUndefined();
  expect(await locks.list()).toMatchObject([{ runId: "a", deadlineAt }]);
});

test("a claim from before the machine was restarted holds up nobody", async () => {
  using dir = new TempDir();
  const locks = new LockFiles(dir.path);
  await locks.take(claimOf("a"));
  const path = dir.join("token-of-a.claim.json");
  const claim = JSON.parse(readFileSync(path, "utf8")) as object;
  writeFileSync(path, JSON.stringify({ ...claim, bootId: "another" }));
  expect(await locks.holds("token-of-a")).toBe(false);
  expect(await locks.take(claimOf("b"))).toBeUndefined();
});

test("a claim of a version to come holds, and is named", async () => {
  using dir = new TempDir();
  mkdirSync(dir.path, { recursive: true });
  writeFileSync(dir.join("x.claim.json"), '{"version":2}');
  const holder = await new LockFiles(dir.path).take(claimOf("a"));
  expect(holder).toMatchObject({ runId: "", where: `lock file ${dir.join("x.claim.json")}` });
});
