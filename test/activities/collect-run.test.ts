import { existsSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import type { RunSpec } from "#model/run";
import { HostHarness, STARTED_AT } from "#test/support/host-harness";
import { sampleRun } from "#test/support/sample-run";

const run = sampleRun({ point: { nodes: 3 } });

async function collect(host: HostHarness, of: RunSpec) {
  const nodes = await host.measure(of);
  return host.activities.collectRun({ run: of, nodes, startedAt: STARTED_AT });
}

test.for(["replicated", "baseline"] as const)("a faultless run in %s mode is proven and VALID", async (mode) => {
  using host = new HostHarness();
  const { row, evidenceParts } = await collect(host, sampleRun({ point: { nodes: 3, mode } }));
  expect(row).toMatchObject({ status: "VALID", consistent: true, started_at: STARTED_AT, provision_s: null });
  expect(row.digest).toMatch(/^[0-9a-f]{16}$/);
  expect(row.fingerprint).toMatch(/^[0-9a-f]{12}$/);
  expect(row.collect_s).toBeGreaterThan(0);
  expect(evidenceParts).toBe(1);
});

test("another environment and attempt get the same tuples, and so the same digest", async () => {
  using host = new HostHarness();
  const { row } = await collect(host, run);
  using other = new HostHarness();
  const again = {
    ...run,
    runId: "sample-p1-r1-a2",
    attempt: 2,
    environment: { ...run.environment, facts: { cpu: "x" } },
  };
  const { row: otherRow } = await collect(other, again);
  expect(otherRow.digest).toBe(row.digest);
  expect(otherRow.fingerprint).not.toBe(row.fingerprint);
});

test("a database that lacks a row makes the run INVALID, and its nodes' logs are kept", async () => {
  using host = new HostHarness();
  host.databases.patchProof(run.runId, 3, { rows: 59, distinctRows: 59 });
  const { row } = await collect(host, run);
  expect(row.status).toBe("INVALID");
  expect(row.reason).toContain("digest mismatch: node 3 holds 59 rows, expected 60");
  expect(readdirSync(`${host.dependencies.keptLogsDir}/${run.runId}`)).toHaveLength(3);
});

test("collecting twice ends the same", async () => {
  using host = new HostHarness();
  const nodes = await host.measure(run);
  const first = await host.activities.collectRun({ run, nodes, startedAt: STARTED_AT });
  const second = await host.activities.collectRun({ run, nodes, startedAt: STARTED_AT });
  expect({ ...second.row, collect_s: 0 }).toEqual({ ...first.row, collect_s: 0 });
});

test("a step that was begun by an earlier attempt has no duration", async () => {
  using host = new HostHarness();
  host.attempt = 2;
  expect((await host.provision(run)).provisionSec).toBeNull();
  expect((await collect(host, run)).row.collect_s).toBeNull();
  expect((await host.activities.destroyNodes({ runId: run.runId })).teardownSec).toBeNull();
});

test("cancelled, it waits for no proof that takes minutes", async () => {
  using host = new HostHarness();
  const nodes = await host.measure(run);
  const open = host.dependencies.openDatabase;
  let proofsBegun = 0;
  const prove = () => {
    proofsBegun++;
    return new Promise<never>(() => undefined);
  };
  Object.assign(host.dependencies, { openDatabase: (runId: string) => Object.assign(open(runId), { prove }) });
  const collected = host.activities.collectRun({ run, nodes, startedAt: STARTED_AT });
  await expect.poll(() => proofsBegun, { interval: 1 }).toBe(3);
  host.cancellation.abort(new Error("cancelled"));
  await expect(collected).rejects.toThrow("cancelled");
  expect(host.databases.openConnections).toBe(0);
});

test("teardown removes nodes, network and what waited to be fetched", async () => {
  using host = new HostHarness();
  await collect(host, run);
  const spooled = `${host.dependencies.spoolDir}/${run.runId}.json.gz`;
  expect(existsSync(spooled)).toBe(true);
  const { removed, teardownSec } = await host.activities.destroyNodes({ runId: run.runId });
  expect(removed).toBe(4);
  expect(teardownSec).toBeGreaterThan(0);
  expect(existsSync(spooled)).toBe(false);
  expect(await host.activities.destroyNodes({ runId: run.runId })).toMatchObject({ removed: 0 });
});
