import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { EvidenceSpool } from "#activities/evidence";
import { openSqliteStore } from "#activities/results/sqlite-store";
import { createStoreActivities } from "#activities/store-activities";
import { judgeRun } from "#model/judgement";
import type { RunEvidence } from "#model/run";
import { failureOf } from "#test/support/failures";
import { HostHarness } from "#test/support/host-harness";
import { measuredRun, sampleNodes } from "#test/support/measured-run";
import { sampleRun } from "#test/support/sample-run";
import { TempDir } from "#test/support/temp-dir";

const run = sampleRun();

/** Too much for one part: random text does not compress. */
async function largeEvidence(): Promise<RunEvidence> {
  const measured = await measuredRun(run);
  const facts = { noise: randomBytes(400_000).toString("base64") };
  const results = measured.results.map((result) => Object.assign({ ...result }, { facts }));
  return { run, nodes: sampleNodes(run), results, proofs: measured.proofs };
}

async function transferred(dir: TempDir, evidence: RunEvidence) {
  const spool = new EvidenceSpool(dir.join("spool"));
  const parts = await spool.keep(evidence);
  const texts = await Promise.all(Array.from({ length: parts }, (_, part) => spool.readPart(run.runId, part)));
  const store = openSqliteStore(dir.join("results"));
  const activities = createStoreActivities({
    store,
    incomingDir: dir.join("results", "incoming"),
    askRunOutcome: () => Promise.resolve("unknown"),
  });
  const send = (part: number) =>
    activities.saveEvidencePart({ runId: run.runId, part, parts, data: texts[part] ?? "" });
  return { parts, texts, store, activities, send };
}

test("evidence arrives whole, in parts that fit into a payload, in any order, any number of times", async () => {
  using dir = new TempDir();
  const evidence = await largeEvidence();
  const { parts, texts, store, activities, send } = await transferred(dir, evidence);
  expect(parts).toBeGreaterThan(2);
  expect(Math.max(...texts.map(({ length }) => length))).toBeLessThan(200_000);

  for (let part = parts - 1; part >= 0; part--) {
    expect(await store.readEvidence(run.runId)).toBeUndefined();
    await send(part);
    if (part > 0) await send(part);
  }
  expect(await store.readEvidence(run.runId)).toEqual(evidence);

  await send(0); // its answer was lost
  await activities.saveRun({ row: judgeRun(await measuredRun(run)) });
  expect(await store.readEvidence(run.runId)).toEqual(evidence);
  expect(readdirSync(dir.join("results", "incoming"))).toEqual([]);
  store.close();
});

test("a part that was damaged on its way is noticed", async () => {
  using dir = new TempDir();
  const { store, texts, activities } = await transferred(dir, await largeEvidence());
  const damaged = texts.with(1, texts[1]!.replace(/^.{8}/, "AAAAAAAA"));
  const sent = damaged.map((data, part) =>
    activities.saveEvidencePart({ runId: run.runId, part, parts: texts.length, data }),
  );
  await expect(Promise.all(sent)).rejects.toThrow(/incorrect|invalid|unexpected/);
  expect(await store.readEvidence(run.runId)).toBeUndefined();
  store.close();
});

test("what is forgotten is gone from the host", async () => {
  using dir = new TempDir();
  const spool = new EvidenceSpool(dir.join("spool"));
  await spool.keep(await largeEvidence());
  await spool.forget(run.runId);
  await spool.forget(run.runId);
  expect(readdirSync(dir.join("spool"))).toEqual([]);
});

test("a worker that did not collect a run says that another one has its evidence; that is tried again", async () => {
  using host = new HostHarness();
  const failure = await failureOf(host.activities.fetchEvidence({ runId: run.runId, part: 0 }));
  expect(failure).toMatchObject({ kind: "collect", host: "here", nonRetryable: false });
  expect(failure.message).toContain("with another worker");
});
