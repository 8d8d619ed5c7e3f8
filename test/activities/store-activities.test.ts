import { expect, test } from "vitest";
import { openSqliteStore } from "#activities/results/sqlite-store";
import { createStoreActivities } from "#activities/store-activities";
import { configHashOf } from "#model/config-hash";
import type { FailureKind } from "#model/errors";
import { packPlan } from "#model/packed-plan";
import { rowOfUnfinishedRun } from "#model/run-row";
import { samplePlan } from "#test/support/sample-plan";
import { sampleRun } from "#test/support/sample-run";
import { TempDir } from "#test/support/temp-dir";

const run = sampleRun();
const rowOf = (kind: FailureKind) =>
  rowOfUnfinishedRun({ run, startedAt: "2026-01-01T00:00:00.000Z", failure: { kind, message: "so it was" } });

test.for([
  ["gets its row", undefined, "history lost"],
  ["keeps the row that it left", "noisy host", "noisy host"],
] as const)("a run that ended without a word %s", async ([, left, stands]) => {
  using dir = new TempDir();
  const store = openSqliteStore(dir.path);
  const incomingDir = dir.join("incoming");
  const activities = createStoreActivities({ store, incomingDir, askRunOutcome: async () => "ended" });
  if (left !== undefined) await activities.saveRun({ row: rowOf(left) });
  const { row } = await activities.saveLostRun({ row: rowOf("history lost") });
  expect(row.reason).toMatch(new RegExp(`^${stands}: `));
  expect(store.listRuns(run.sweepId)).toEqual([row]);
  store.close();
});

test("a sweep's pin is kept with the hash of its plan, whoever began it", async () => {
  using dir = new TempDir();
  const store = openSqliteStore(dir.path);
  const activities = createStoreActivities({
    store,
    incomingDir: dir.join("in"),
    askRunOutcome: async () => "open",
  });
  const { spec, ...plan } = packPlan(samplePlan());
  const what = { sweepId: "pr-1", name: spec.name, startedAt: "2026-01-01", status: "OPEN", runsPlanned: 2 } as const;
  const hash = configHashOf({ spec, ...plan });
  await activities.saveSweep({
    sweep: { ...what, specJson: JSON.stringify(spec), pinJson: JSON.stringify({ plan, protocol: 1 }) },
  });
  expect(JSON.parse(store.findSweep("pr-1")?.pinJson ?? "")).toEqual({ plan, protocol: 1, configHash: hash });
  await activities.saveSweep({ sweep: { ...what, specJson: JSON.stringify(spec), status: "DONE" } });
  expect(store.findSweep("pr-1")).toMatchObject({ status: "DONE", pinJson: expect.stringContaining(hash) as string });
  store.close();
});
