import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { openSqliteStore } from "#activities/results/sqlite-store";
import { InputError } from "#model/errors";
import type { GuardRecord } from "#model/guards";
import { judgeRun } from "#model/judgement";
import { RUN_ROW_COLUMNS } from "#model/result-row";
import type { RunRow } from "#model/result-row";
import type { RunEvidence, RunSpec, SweepRecord } from "#model/run";
import { rowOfUnfinishedRun } from "#model/run-row";
import { measuredRun, sampleNodes } from "#test/support/measured-run";
import { sampleRun } from "#test/support/sample-run";
import { TempDir } from "#test/support/temp-dir";

const run = sampleRun();
const startedAt = "2026-01-01T00:00:00.000Z";
const sweep: SweepRecord = {
  sweepId: "sample",
  name: "sample",
  startedAt,
  status: "OPEN",
  specJson: "{}",
  runsPlanned: 2,
};

async function evidenceOf(of: RunSpec): Promise<RunEvidence> {
  const measured = await measuredRun(of);
  const { results, proofs } = measured;
  return { run: of, nodes: sampleNodes(of), results, proofs };
}

const rowOf = async (of: RunSpec): Promise<RunRow> => judgeRun(await measuredRun(of));

const failedRow = (of: RunSpec, at = startedAt) =>
  rowOfUnfinishedRun({ run: of, startedAt: at, failure: { kind: "oom", message: "killed", node: 2 } });

test("rows come back as they were saved, in the order they were measured", async () => {
  using dir = new TempDir();
  const store = openSqliteStore(dir.path);
  const row = await rowOf(run);
  const earlier = failedRow(sampleRun({ runId: "sample-p1-r2-a1" }), "2025-12-31T23:59:59.000Z");
  store.saveRun(row);
  store.saveRun(earlier);
  expect(store.listRuns("sample")).toEqual([earlier, row]);
  expect(Object.keys(store.listRuns("sample")[1] ?? {})).toEqual([...RUN_ROW_COLUMNS]);
  expect(store.listRuns("other")).toEqual([]);
  store.close();
});

test("saving again updates, so that a repeated activity changes nothing", async () => {
  using dir = new TempDir();
  const store = openSqliteStore(dir.path);
  const row = await rowOf(run);
  store.saveRun(row);
  store.saveRun({ ...row, teardown_s: 1.5 });
  store.saveSweep(sweep);
  store.saveSweep({ ...sweep, status: "DONE" });
  expect(store.listRuns("sample")).toEqual([{ ...row, teardown_s: 1.5 }]);
  expect(store.listSweeps()).toEqual([{ ...sweep, status: "DONE" }]);
  expect(store.findSweep("sample")?.status).toBe("DONE");
  expect(store.findSweep("other")).toBeUndefined();
  store.close();
});

test("what a sweep pinned stays when it is saved without", () => {
  using dir = new TempDir();
  const store = openSqliteStore(dir.path);
  store.saveSweep({ ...sweep, pinJson: "{}" });
  store.saveSweep({ ...sweep, status: "PAUSED" });
  expect(store.findSweep("sample")).toEqual({ ...sweep, status: "PAUSED", pinJson: "{}" });
  store.saveSweep({ ...sweep, pinJson: "[]" });
  expect(store.findSweep("sample")?.pinJson).toBe("[]");
  store.close();
});

test("every column of a row is a column of the table", () => {
  using dir = new TempDir();
  openSqliteStore(dir.path).close();
  const database = new DatabaseSync(dir.join("results.sqlite"), { readOnly: true });
  const columns = database.prepare("SELECT name FROM pragma_table_info('run') ORDER BY cid").all();
  database.close();
  expect(columns.map(({ name }) => name)).toEqual([...RUN_ROW_COLUMNS]);
});

test("evidence comes back whole, with a row for each node", async () => {
  using dir = new TempDir();
  const store = openSqliteStore(dir.path);
  const evidence = await evidenceOf(run);
  await store.saveEvidence(evidence);
  await store.saveEvidence(evidence);
  expect(await store.readEvidence(run.runId)).toEqual(evidence);
  expect(await store.readEvidence("sample-p9-r9-a9")).toBeUndefined();
  store.close();
  const database = new DatabaseSync(dir.join("results.sqlite"), { readOnly: true });
  const rows = database.prepare("SELECT node, rows, digest, clock_drift_ms FROM node_result").all();
  database.close();
  const [first, second] = evidence.proofs.map(({ node, rows: count, digest }) => ({ node, rows: count, digest }));
  expect(rows).toMatchObject([first, second]);
});

test("evidence that somebody changed or took away is not read, and named beside its row", async () => {
  using dir = new TempDir();
  const store = openSqliteStore(dir.path);
  const evidence = await evidenceOf(run);
  const path = dir.join("sample", run.runId, "evidence.json");
  await store.saveEvidence(evidence);
  store.saveRun(await rowOf(run));
  expect(await store.listNotes("sample")).toEqual([]);
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replace('"rows":', '"rows": '));
  expect(await store.readEvidence(run.runId)).toBeUndefined();
  const note = (what: string) => [{ runId: run.runId, text: what }];
  expect(await store.listNotes("sample")).toEqual(note("its evidence was changed since it was stored"));
  rmSync(path);
  expect(await store.listNotes("sample")).toEqual(note("its evidence is missing"));
  await store.saveEvidence(evidence);
  expect(await store.listNotes("sample")).toEqual([]);
  store.close();
});

test("a run that was watched in part stands among a sweep's notes", async () => {
  using dir = new TempDir();
  const store = openSqliteStore(dir.path);
  const guards = { sampledSec: 1 } as GuardRecord;
  await store.saveEvidence({ ...(await evidenceOf(run)), guards });
  store.saveRun({ ...(await rowOf(run)), main_s: 60 });
  expect(await store.listNotes("sample")).toMatchObject([
    { runId: run.runId, text: expect.stringMatching(/watched for 1 of .* 60 s/) },
  ]);
  store.close();
});

test("evidence of a version that kept no digest of it is read as it is", async () => {
  using dir = new TempDir();
  const store = openSqliteStore(dir.path);
  const evidence = await evidenceOf(run);
  await store.saveEvidence(evidence);
  store.saveRun(await rowOf(run));
  const database = new DatabaseSync(dir.join("results.sqlite"));
  database.exec("DELETE FROM evidence");
  database.close();
  expect(await store.readEvidence(run.runId)).toEqual(evidence);
  expect(await store.listNotes("sample")).toEqual([]);
  store.close();
});

test("two stores on one folder see each other's rows, as worker and command do", () => {
  using dir = new TempDir();
  const [writer, reader] = [openSqliteStore(dir.path), openSqliteStore(dir.path)];
  writer.saveSweep(sweep);
  expect(reader.listSweeps()).toEqual([sweep]);
  writer.close();
  reader.close();
});

test("nobody else may read what is stored", async () => {
  using dir = new TempDir();
  const store = openSqliteStore(dir.join("results"));
  await store.saveEvidence(await evidenceOf(run));
  const mode = (...parts: string[]) => (statSync(dir.join("results", ...parts)).mode & 0o777).toString(8);
  expect(mode()).toBe("700");
  expect(mode("results.sqlite")).toBe("600");
  expect(mode("sample", run.runId)).toBe("700");
  expect(mode("sample", run.runId, "evidence.json")).toBe("600");
  store.close();
});

test("a write that is cut off leaves the old evidence, and nothing torn beside it", async () => {
  using dir = new TempDir();
  const store = openSqliteStore(dir.path);
  const evidence = await evidenceOf(run);
  await store.saveEvidence(evidence);
  const broken = { ...evidence, proofs: [{ ...evidence.proofs[0]!, rows: 1n as never }] }; // BigInts are not JSON
  await expect(store.saveEvidence(broken)).rejects.toThrow(TypeError);
  expect(await store.readEvidence(run.runId)).toEqual(evidence);
  expect(readdirSync(dir.join("sample", run.runId))).toEqual(["evidence.json"]);
  store.close();
});

const refusals: [string, (dir: TempDir) => string, RegExp][] = [
  [
    "below a file",
    (dir) => (writeFileSync(dir.join("file"), ""), dir.join("file", "results")),
    /cannot be made: EEXIST/,
  ],
  ["that is a file", (dir) => (writeFileSync(dir.join("file"), ""), dir.join("file")), /cannot be made: EEXIST/],
  [
    "with other things in it",
    (dir) => (writeFileSync(dir.join("thesis.doc"), "mine"), dir.path),
    /holds no results but 1 other entries/,
  ],
  [
    "that is a link",
    (dir) => (mkdirSync(dir.join("real")), symlinkSync(dir.join("real"), dir.join("link")), dir.join("link")),
    /is a symbolic link/,
  ],
  ["that cannot be written", () => "/proc/meshbench", /cannot be made: ENOENT/],
];
test.for(refusals)("a results directory %s is refused, and left as it is", ([, make, rule]) => {
  using dir = new TempDir();
  const path = make(dir);
  expect(() => openSqliteStore(path)).toThrow(InputError);
  expect(() => openSqliteStore(path)).toThrow(rule);
});

test("a link in place of a run's folder is not followed", async () => {
  using dir = new TempDir();
  const store = openSqliteStore(dir.join("results"));
  mkdirSync(dir.join("elsewhere"));
  symlinkSync(dir.join("elsewhere"), dir.join("results", "sample"));
  await expect(store.saveEvidence(await evidenceOf(run))).rejects.toThrow(/symbolic link/);
  expect(readdirSync(dir.join("elsewhere"))).toEqual([]);
  store.close();
});

test("no run id can lead out of the folder", async () => {
  using dir = new TempDir();
  const store = openSqliteStore(dir.path);
  for (const runId of ["../x-p1-r1-a1", "a/b-p1-r1-a1", "sample", "-x-p1-r1-a1"]) {
    await expect(store.readEvidence(runId)).rejects.toThrow(RangeError);
  }
  store.close();
});

test("a store of a newer Meshbench is not touched", () => {
  using dir = new TempDir();
  openSqliteStore(dir.path).close();
  const database = new DatabaseSync(dir.join("results.sqlite"));
  database.exec("PRAGMA user_version = 99");
  database.close();
  const before = readFileSync(dir.join("results.sqlite"));
  expect(() => openSqliteStore(dir.path)).toThrow(/newer Meshbench/);
  expect(readFileSync(dir.join("results.sqlite")).equals(before)).toBe(true);
});

test("nights come back by date, one for each, and of each nightly its own", () => {
  using dir = new TempDir();
  const store = openSqliteStore(dir.path);
  const night = { nightly: "paper", date: "2026-11-02", sweepId: "n", sourceSha: "", status: "OPEN" } as const;
  store.saveNight(night);
  store.saveNight({ ...night, date: "2026-11-01" });
  store.saveNight({ ...night, nightly: "other" });
  store.saveNight({ ...night, status: "DONE" });
  expect(store.listNights("paper")).toEqual([
    { ...night, date: "2026-11-01" },
    { ...night, status: "DONE" },
  ]);
  expect(store.listNightlies()).toEqual(["other", "paper"]);
  store.close();
});
