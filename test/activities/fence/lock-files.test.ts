import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
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

test("a claim that was given back while its worker stood still leaves nothing when that goes on", async () => {
  using dir = new TempDir();
  const standStill = () => {
    for (const name of readdirSync(dir.path)) rmSync(join(dir.path, name));
    return new Date();
  };
  await new LockFiles(dir.path, { now: standStill }).take(claimOf("a"));
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

const [A, B] = ["a-p1-r1-a1", "b-p1-r1-a1"] as const;

/** One that was started before the shared folder was there, and one that uses that. */
function userAndRoot(dir: TempDir) {
  const [own, shared] = [dir.join("user"), dir.join("shared")];
  const user = new LockFiles(own, { findOtherDirs: () => [shared] });
  return { own, shared, user, root: new LockFiles(shared, { findOtherDirs: () => [own] }) };
}

test("whoever uses another folder, having come first, has the machine all the same", async () => {
  using dir = new TempDir();
  const { own, user, root } = userAndRoot(dir);
  expect(await user.take(claimOf(A))).toBeUndefined();
  expect(await root.take(claimOf(B))).toMatchObject({ runId: A, where: expect.stringContaining(own) });
  await user.release(A);
  expect(await root.take(claimOf(B))).toBeUndefined();
  expect(await user.take(claimOf(A))).toMatchObject({ runId: B });
  expect(readdirSync(own)).toEqual([]);
});

test("in folders of others only claims count, and no link is followed; nothing is removed there by root", async () => {
  using dir = new TempDir();
  const { own, user, root } = userAndRoot(dir);
  await user.take(claimOf(A, { deadlineAt: "2026-01-01T00:00:00.000Z" }));
  const name = readdirSync(own).find((file) => file.endsWith(".claim.json")) ?? "";
  const claim = JSON.parse(readFileSync(dir.join("user", name), "utf8")) as object;
  const live = { ...claim, deadlineAt: DEADLINE_AT };
  const oddities = [{ version: 2 }, { ...live, deadlineAt: "never" }, { ...live, host: "\u001B[2J" }];
  for (const [position, odd] of [...oddities, { ...live, token: "../../x" }].entries()) {
    writeFileSync(dir.join("user", `odd${position}.claim.json`), JSON.stringify(odd));
  }
  writeFileSync(dir.join("elsewhere.json"), JSON.stringify(live));
  symlinkSync(dir.join("elsewhere.json"), dir.join("user", "link.claim.json"));
  vi.spyOn(process, "getuid").mockReturnValue(0);
  const before = readdirSync(own);
  expect(await root.list()).toMatchObject([{ runId: A, where: expect.stringContaining(name) }]);
  expect(await root.take(claimOf(B))).toBeUndefined();
  await root.release(A);
  expect(readdirSync(own)).toEqual(before);
  vi.restoreAllMocks();
});

test("a worker that uses another folder since it was started again takes away what it left in the first", async () => {
  using dir = new TempDir();
  const { own, user, root: again } = userAndRoot(dir);
  vi.spyOn(process, "getuid").mockReturnValue(1000);
  await user.take(claimOf(A));
  await again.take(claimOf(A));
  await again.release(A);
  expect(readdirSync(own)).toEqual([]);
  vi.restoreAllMocks();
});
