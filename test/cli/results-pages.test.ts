import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { answerQuestion } from "#activities/results/answer-question";
import { pageOf } from "#activities/results/results-pages";
import { openSqliteStore } from "#activities/results/sqlite-store";
import type { ResultsStore } from "#activities/results/results-store";
import { readAnswer } from "#cli/results-pages";
import { UnavailableError } from "#model/errors";
import type { ResultsQuestion } from "#model/results-question";
import { rowOfUnfinishedRun } from "#model/run-row";
import { sampleRun } from "#test/support/sample-run";
import { TempDir } from "#test/support/temp-dir";

/** Random text does not compress: of each there is more than a page. */
const noise = () => randomBytes(200_000).toString("base64");

function saveSweep(store: ResultsStore, sweepId: string, startedAt: string): void {
  store.saveSweep({ sweepId, name: "noisy", startedAt, status: "DONE", specJson: noise(), runsPlanned: 1 });
  const run = sampleRun({ sweepId, runId: `${sweepId}-p1-r1-a1` });
  store.saveRun(rowOfUnfinishedRun({ run, startedAt, failure: { kind: "oom", message: "killed" } }));
}

function openStore(dir: TempDir): ResultsStore {
  const store = openSqliteStore(dir.path);
  saveSweep(store, "older", "2026-01-01T00:00:00.000Z");
  saveSweep(store, "newer", "2026-01-02T00:00:00.000Z");
  return store;
}

const askInPages = (store: ResultsStore, question: ResultsQuestion) =>
  readAnswer(async (page) => pageOf(await answerQuestion(store, question), page));

test("answers arrive whole, in pages that fit into a payload", async () => {
  using dir = new TempDir();
  const store = openStore(dir);
  const question = { about: "sweep", sweepId: "older" } as const;
  const answer = await answerQuestion(store, question);
  expect(answer?.rows).toMatchObject([{ run_id: "older-p1-r1-a1", status: "INVALID" }]);
  const first = await pageOf(answer, 0);
  expect(first.pages).toBeGreaterThan(1);
  expect(first.data.length).toBeLessThan(200_000);
  expect(await askInPages(store, question)).toEqual(answer);
  store.close();
});

test("sweeps come newest first, with how many of their runs are there; what is not there is null", async () => {
  using dir = new TempDir();
  const store = openStore(dir);
  const sweeps = (await askInPages(store, { about: "sweeps" })) as object[];
  expect(sweeps).toEqual([
    expect.objectContaining({ sweep: expect.objectContaining({ sweepId: "newer" }), runsRecorded: 1, runsValid: 0 }),
    expect.objectContaining({ sweep: expect.objectContaining({ sweepId: "older" }) }),
  ]);
  expect(JSON.stringify(sweeps).length).toBeLessThan(1000);
  expect(await askInPages(store, { about: "sweep", sweepId: "none" })).toBeNull();
  expect(await askInPages(store, { about: "evidence", runId: "older-p1-r1-a1" })).toBeNull();
  store.close();
});

test("an answer that changes while it is read is read again", async () => {
  const versions = [noise(), noise()];
  const asked: number[] = [];
  const answer = await readAnswer((page) => {
    asked.push(page);
    return pageOf(versions[asked.length > 1 ? 1 : 0], page);
  });
  expect(answer).toBe(versions[1]);
  expect(asked).toEqual([0, 1, 0, 1]);
});

test("one that never stays the same ends in words", async () => {
  await expect(readAnswer((page) => pageOf(noise(), page))).rejects.toThrow(UnavailableError);
});
