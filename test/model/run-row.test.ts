import { expect, test } from "vitest";
import { FAILURES } from "#model/errors";
import type { FailureKind } from "#model/errors";
import { RUN_ROW_COLUMNS } from "#model/result-row";
import { deservesFreshRun, rowOfUnfinishedRun } from "#model/run-row";
import { sampleRun } from "#test/support/sample-run";

const startedAt = "2026-01-01T00:00:00.000Z";

test("an unfinished run has every column, those that were not measured as null", () => {
  const row = rowOfUnfinishedRun({
    run: sampleRun(),
    startedAt,
    failure: { kind: "cancelled", message: "by the user" },
  });
  expect(Object.keys(row).sort()).toEqual([...RUN_ROW_COLUMNS].sort());
  expect(row).toMatchObject({ status: "CANCELLED", elapsed_s: null, digest: null, expected_s: 2, nodes: 2 });
});

test.for(Object.keys(FAILURES) as FailureKind[])(
  "%s decides the status and says what, where and what to do",
  (kind) => {
    const failure = { kind, message: "what happened", node: 2, step: "main", host: "here" };
    const row = rowOfUnfinishedRun({ run: sampleRun(), startedAt, failure });
    expect(row.status).toBe(FAILURES[kind].endsAs);
    expect(row.reason).toBe(`${kind}: what happened (in main, node 2, host here); ${FAILURES[kind].hint}`);
  },
);

test("every INVALID run has a fresh one in its place, but for a deadline: that is a result, a lower bound", () => {
  const invalid = (Object.keys(FAILURES) as FailureKind[]).filter((kind) => FAILURES[kind].endsAs === "INVALID");
  const rows = invalid.map((kind) =>
    rowOfUnfinishedRun({ run: sampleRun(), startedAt, failure: { kind, message: "" } }),
  );
  expect(invalid.filter((_, i) => !deservesFreshRun(rows[i]!))).toEqual(["deadline"]);
});

test("a run that hit its deadline has the least that it would have taken", () => {
  const failure = { kind: "deadline", message: "passed" } as const;
  const row = rowOfUnfinishedRun({ run: sampleRun(), startedAt, failure, measured: { elapsed_s: 3, sync_s: 0.5 } });
  expect(row).toMatchObject({ elapsed_s: 3, deviation_pct: 50, sync_s: 0.5, deviation_pct_median: null });
});
