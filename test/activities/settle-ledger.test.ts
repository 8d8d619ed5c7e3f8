import { afterEach, beforeEach, expect, test } from "vitest";
import { openSqliteStore } from "#activities/results/sqlite-store";
import type { ResultsStore } from "#activities/results/results-store";
import { settleLedger } from "#activities/settle-ledger";
import type { RunOutcome } from "#model/reaping";
import { rowOfUnfinishedRun } from "#model/run-row";
import { sampleRun } from "#test/support/sample-run";
import { TempDir } from "#test/support/temp-dir";

const NOW = new Date("2026-01-01T12:00:00.000Z");
const RECORDED_AT = "2026-01-01T11:00:00.000Z";
const PAST = "2026-01-01T11:30:00.000Z";
const TO_COME = "2026-01-01T12:30:00.000Z";
const run = sampleRun();

let dir: TempDir;
let store: ResultsStore;
beforeEach(() => {
  dir = new TempDir();
  store = openSqliteStore(dir.path);
});
afterEach(() => {
  store.close();
  dir[Symbol.dispose]();
});

function openIntent({ deadlineAt = PAST, runId = run.runId, host = "here" } = {}): void {
  const ofRun = sampleRun({ runId, environment: { host } });
  store.saveIntent({ run: ofRun, recordedAt: RECORDED_AT, deadlineAt });
}

const settle = (outcome: RunOutcome | undefined, remainingRunIds: string[] = []) =>
  settleLedger({ store, askRunOutcome: () => Promise.resolve(outcome) }, { host: "here", remainingRunIds }, NOW);

const openRunIds = () => store.listOpenIntents("here").map((intent) => intent.run.runId);

test.for(["unknown", undefined] as const)(
  "a run whose history is lost (Temporal says: %s) gets its row once its deadline is over, and its entry is closed",
  async (outcome) => {
    openIntent();
    expect(await settle(outcome)).toEqual({ lostRunIds: [run.runId] });
    const [row] = store.listRuns(run.sweepId);
    expect(row).toMatchObject({ run_id: run.runId, status: "FAILED", host: "here", started_at: RECORDED_AT });
    expect(row?.reason).toMatch(/^history lost: /);
    expect(openRunIds()).toEqual([]);
    expect(await settle(outcome)).toEqual({ lostRunIds: [] });
  },
);

test.for(["unknown", "open", "kept", undefined] as const)(
  "before its deadline nothing is said of a run that is %s",
  async (outcome) => {
    openIntent({ deadlineAt: TO_COME });
    expect(await settle(outcome)).toEqual({ lostRunIds: [] });
    expect(store.listRuns(run.sweepId)).toEqual([]);
    expect(openRunIds()).toEqual([run.runId]);
  },
);

test("a run that was terminated, before or after it created anything, gets a row at once", async () => {
  openIntent({ deadlineAt: TO_COME });
  expect(await settle("ended")).toEqual({ lostRunIds: [run.runId] });
});

test("a row that is there stays as it is", async () => {
  openIntent();
  const row = rowOfUnfinishedRun({ run, startedAt: RECORDED_AT, failure: { kind: "oom", message: "killed" } });
  store.saveRun(row);
  expect(await settle("ended")).toEqual({ lostRunIds: [] });
  expect(store.listRuns(run.sweepId)).toEqual([row]);
  expect(openRunIds()).toEqual([]);
});

test("nor is one replaced that is stored while Temporal is asked", async () => {
  openIntent();
  const row = rowOfUnfinishedRun({ run, startedAt: RECORDED_AT, failure: { kind: "oom", message: "killed" } });
  const askRunOutcome = async () => {
    store.saveRun(row);
    return "ended" as const;
  };
  const settled = await settleLedger({ store, askRunOutcome }, { host: "here", remainingRunIds: [] }, NOW);
  expect(settled).toEqual({ lostRunIds: [] });
  expect(store.listRuns(run.sweepId)).toEqual([row]);
});

test("as long as anything of the run is there its entry stays open", async () => {
  openIntent();
  expect(await settle("ended", [run.runId])).toEqual({ lostRunIds: [] });
  expect(openRunIds()).toEqual([run.runId]);
});

test("another host's part of the ledger is left alone", async () => {
  openIntent({ host: "there" });
  expect(await settle("ended")).toEqual({ lostRunIds: [] });
  expect(store.listOpenIntents("there")).toHaveLength(1);
});

test("an entry says what is meant to be there; a run that goes on opens it again, with its later deadline", () => {
  openIntent();
  store.closeIntent(run.runId);
  expect(openRunIds()).toEqual([]);
  openIntent({ deadlineAt: TO_COME });
  expect(store.listOpenIntents("here")).toEqual([{ run, recordedAt: RECORDED_AT, deadlineAt: TO_COME }]);
});
