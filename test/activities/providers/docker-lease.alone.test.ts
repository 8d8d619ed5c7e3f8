import { randomBytes } from "node:crypto";
import { afterEach, beforeAll, expect, test } from "vitest";
import type { FenceClaim } from "#activities/fence/fence-mark";
import { DockerLease } from "#activities/providers/docker-lease";
import { DockerEngine } from "#activities/providers/docker-engine";
import { docker, DOCKER_ENVIRONMENT, openDockerProvider } from "#test/support/docker-harness";

const NEVER = new AbortController().signal;
const mine = new DockerLease(new DockerEngine(docker, "here"), () => new Date());
const theirs = new DockerLease(new DockerEngine(docker, "there"), () => new Date());
const runIds: string[] = [];
let imageDigest: string;

beforeAll(async () => {
  ({ imageDigest } = await openDockerProvider().prepareEnvironment(DOCKER_ENVIRONMENT));
});

afterEach(async () => {
  for (const runId of runIds.splice(0)) await mine.release(runId);
});

function newClaim(deadlineInSec = 600): FenceClaim {
  const runId = `lease-${randomBytes(3).toString("hex")}-p1-r1-a1`;
  runIds.push(runId);
  const deadlineAt = new Date(Date.now() + deadlineInSec * 1000).toISOString();
  return { runId, host: "here", deadlineAt, domain: "test", token: `token-of-${runId}`, imageDigest };
}

/** Other suites may have the engine right now. */
async function takeWhenFree(claim: FenceClaim): Promise<void> {
  await expect.poll(() => mine.take(claim, NEVER), { timeout: 150_000, interval: 200 }).toBeUndefined();
}

test("one run at a time has the engine; the next learns who and until when", async () => {
  const [first, second] = [newClaim(), newClaim()];
  await takeWhenFree(first);
  const { runId, deadlineAt } = first;
  expect(await theirs.take(second, NEVER)).toMatchObject({ runId, deadlineAt, where: "container meshbench-lease" });
  expect(await mine.take(first, NEVER)).toBeUndefined();
  expect([await mine.holds(first.token), await theirs.holds(second.token)]).toEqual([true, false]);
  await theirs.release(second.runId);
  expect(await mine.holds(first.token)).toBe(true);
});

test("of many that come at once exactly one gets the engine", async () => {
  const claims = Array.from({ length: 5 }, () => newClaim());
  await takeWhenFree(claims[0]!);
  await mine.release(claims[0]!.runId);
  const holders = await Promise.all(
    claims.map((claim) => new DockerLease(new DockerEngine(docker, "here"), () => new Date()).take(claim, NEVER)),
  );
  expect(holders.filter((holder) => holder === undefined)).toHaveLength(1);
});

test("a lease past its deadline is replaced, and its holder notices before it acts", async () => {
  const stale = newClaim(-60);
  const next = newClaim();
  await takeWhenFree(stale);
  expect(await mine.holds(stale.token)).toBe(false);
  await takeWhenFree(next);
  expect(await mine.holds(stale.token)).toBe(false);
  await mine.release(stale.runId);
  expect(await mine.holds(next.token)).toBe(true);
});

test("a run that goes on with a later deadline keeps the engine until then", async () => {
  const claim = newClaim();
  await takeWhenFree(claim);
  const deadlineAt = new Date(Date.now() + 3_600_000).toISOString();
  expect(await mine.take({ ...claim, deadlineAt }, NEVER)).toBeUndefined();
  expect(await mine.list()).toMatchObject([{ runId: claim.runId, deadlineAt }]);
});

test("nobody gets the engine while its run takes a later deadline, and nothing of it is left afterwards", async () => {
  const [claim, other] = [newClaim(), newClaim()];
  await takeWhenFree(claim);
  const laterBy = [1, 2, 3, 4].map((hours) => new Date(Date.now() + hours * 3_600_000).toISOString());
  for (const deadlineAt of laterBy) {
    const [own, ...others] = await Promise.all([
      mine.take({ ...claim, deadlineAt }, NEVER),
      ...Array.from({ length: 5 }, () => theirs.take(other, NEVER)),
    ]);
    expect(own).toBeUndefined();
    expect(others.map((holder) => holder?.runId)).toEqual(others.map(() => claim.runId));
  }
  expect(await mine.list()).toMatchObject([{ deadlineAt: laterBy.at(-1) }]);
  await mine.release(claim.runId);
  const filters = { label: [`meshbench.run=${claim.runId}`] };
  expect(await docker.listContainers({ all: true, filters })).toEqual([]);
});

test("the lease never runs, is no node of its run, and stays when the run's nodes are removed", async () => {
  const claim = newClaim();
  await takeWhenFree(claim);
  const provider = openDockerProvider();
  expect(await docker.getContainer("meshbench-lease").inspect()).toMatchObject({ State: { Status: "created" } });
  expect((await provider.listLabelled()).filter(({ runId }) => runId === claim.runId)).toEqual([]);
  expect(await provider.destroyRun(claim.runId)).toBe(0);
  expect(await mine.holds(claim.token)).toBe(true);
});

test("a container that only has the name holds the engine and is not touched", async () => {
  const probe = newClaim();
  await takeWhenFree(probe);
  await mine.release(probe.runId);
  const decoy = await docker.createContainer({ name: "meshbench-lease", Image: imageDigest });
  try {
    expect(await mine.take(newClaim(), NEVER)).toMatchObject({ runId: "", deadlineAt: "" });
    await mine.release("");
    await expect(decoy.inspect()).resolves.toMatchObject({ Id: decoy.id });
  } finally {
    await decoy.remove({ force: true });
  }
});
