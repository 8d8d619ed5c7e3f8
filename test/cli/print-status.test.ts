import { appendFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";
import { openSqliteStore } from "#activities/results/sqlite-store";
import { printStatus } from "#cli/print-status";
import { judgeRun } from "#model/judgement";
import { measuredRun, sampleNodes } from "#test/support/measured-run";
import { sampleRun } from "#test/support/sample-run";
import { TempDir } from "#test/support/temp-dir";

const run = sampleRun();
const NOTE = "its evidence was changed since it was stored";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** An installation with one sweep that has ended. */
async function endedSweep(dir: TempDir): Promise<void> {
  vi.stubEnv("MESHBENCH_HOME", dir.path);
  const store = openSqliteStore(dir.join("results"));
  const startedAt = "2026-01-01T00:00:00.000Z";
  store.saveSweep({ sweepId: "sample", name: "sample", startedAt, status: "DONE", specJson: "{}", runsPlanned: 1 });
  const measured = await measuredRun(run);
  store.saveRun(judgeRun(measured));
  const { results, proofs } = measured;
  await store.saveEvidence({ run, nodes: sampleNodes(run), results, proofs });
  store.close();
}

async function statusOf(json: boolean): Promise<string> {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  await printStatus("sample", { json });
  const text = write.mock.calls.map(([chunk]) => String(chunk)).join("");
  write.mockRestore();
  return text;
}

test("the status of a sweep names a run whose evidence somebody changed, and is silent else", async () => {
  using dir = new TempDir();
  await endedSweep(dir);
  expect(await statusOf(false)).not.toContain(run.runId);
  expect(Object.keys(JSON.parse(await statusOf(true)) as object)).toEqual(["sweep_id", "status", "runs"]);
  appendFileSync(dir.join("results", "sample", run.runId, "evidence.json"), " ");
  expect((await statusOf(false)).split("\n").at(-2)).toBe(`${run.runId}: ${NOTE}`);
  expect(JSON.parse(await statusOf(true))).toMatchObject({ notes: [{ run_id: run.runId, note: NOTE }] });
});
