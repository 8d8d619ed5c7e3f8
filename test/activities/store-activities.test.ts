import { expect, test } from "vitest";
import { openSqliteStore } from "#activities/results/sqlite-store";
import { createStoreActivities } from "#activities/store-activities";
import type { FailureKind } from "#model/errors";
import { rowOfUnfinishedRun } from "#model/run-row";
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
