import { WorkflowFailedError } from "@temporalio/client";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createNightActivities } from "#activities/night-activities";
import { readNights } from "#activities/results/nights";
import type { ResultsStore } from "#activities/results/results-store";
import { openSqliteStore } from "#activities/results/sqlite-store";
import { nudge } from "#cli/nightly/nudge";
import { applySchedule, deleteSchedule, findSchedule, listSchedules } from "#cli/nightly/schedules";
import { BenchError } from "#model/errors";
import { runIdOf, WORKFLOW_QUEUE } from "#model/ids";
import { confirmationSweepId, nightSweepId, nightWorkflowId } from "#model/nightly";
import type { Nightly } from "#model/nightly";
import { dateKeyOf } from "#model/nightly-calendar";
import type { MeasuredNight } from "#model/nightly-history";
import type { RunRow } from "#model/result-row";
import { rowOfUnfinishedRun } from "#model/run-row";
import type { PreparedEnvironment } from "#model/run";
import type { nightlyWorkflow } from "#workflows/nightly";
import { sampleNightly } from "#test/model/nightly-fixture";
import { recordHistory } from "#test/support/recorded-histories";
import { sampleEnvironment, samplePlan } from "#test/support/sample-plan";
import { sampleRun } from "#test/support/sample-run";
import { TempDir } from "#test/support/temp-dir";
import { WorkflowHarness, type FakeHost } from "#test/support/workflow-harness";

const SOON = { timeout: 60_000 };
const HEAD = "a".repeat(40);
const REPETITIONS = 4;

let dir: TempDir;
let store: ResultsStore;
let harness: WorkflowHarness;
const reported: string[] = [];

beforeAll(async () => {
  dir = new TempDir();
  store = openSqliteStore(dir.path);
  const github = {
    findNewestCommit: async () => ({ sha: HEAD }),
    fetchSource: async ({ sha }: { sha: string }) => ({ archive: sha }),
    reportNightly: async ({ nightly }: { nightly: { name: string } }) => void reported.push(nightly.name),
  };
  const nights = createNightActivities({ store, readSourceSha: async () => "installed" });
  harness = await WorkflowHarness.start([], { nights, github });
  harness.store.mirror = store;
});
afterAll(async () => {
  await harness?.close();
  store?.close();
  dir?.[Symbol.dispose]();
});

/** One point, on a host of its own. */
async function newNightly(name: string, rest: Partial<Nightly> = {}): Promise<{ nightly: Nightly; host: FakeHost }> {
  const host = await harness.addHost(name);
  const { spec } = samplePlan({
    environments: [sampleEnvironment(host.id, { name: "containers" })],
    repetitions: REPETITIONS,
    attempts: 1,
  });
  const factors = { ...spec.factors, mode: ["replicated"] as const };
  return { host, nightly: sampleNightly({ name, spec: { ...spec, factors }, ...rest }) };
}

const startNight = (nightly: Nightly, date: string) =>
  harness.client.workflow.start<typeof nightlyWorkflow>("nightlyWorkflow", {
    taskQueue: WORKFLOW_QUEUE,
    workflowId: nightWorkflowId(nightly.name, date),
    args: [{ nightly, date }],
  });

const figures = (deviationPct: number, repetition: number) => ({
  deviation_pct: deviationPct + repetition / 1000,
  lateness_remote_p99_ms: 20,
});

/** Nights as they would be on record, each with its runs. */
function remember({ name, spec }: Nightly, deviations: readonly number[]): void {
  const [environment] = spec.environments;
  const pinned = { ...environment, imageDigest: `sha256:${"0".repeat(64)}`, isolation: "container", facts: {} };
  deviations.forEach((deviation, i) => {
    const date = `2026-03-${String(i + 1).padStart(2, "0")}`;
    const sweepId = nightSweepId(name, date);
    const pin = { environments: [pinned as PreparedEnvironment] };
    const record = { sweepId, name: spec.name, startedAt: date, status: "DONE", runsPlanned: REPETITIONS } as const;
    store.saveSweep({ ...record, specJson: JSON.stringify(spec), pinJson: JSON.stringify(pin) });
    for (let repetition = 1; repetition <= REPETITIONS; repetition++)
      store.saveRun(rowOf(sweepId, repetition, deviation));
    const verdict = { findings: [], regressions: [], recovered: [] };
    store.saveNight({ nightly: name, date, sweepId, sourceSha: `commit-${i + 1}`, status: "DONE", verdict });
  });
}

function rowOf(sweepId: string, repetition: number, deviationPct: number): RunRow {
  const runId = runIdOf({ sweepId, point: 1, repetition, attempt: 1 });
  const environment = { name: "containers", cpus: 1, memoryMib: 512 };
  const run = sampleRun({
    runId,
    sweepId,
    repetition,
    environment,
    point: { environment: "containers", memoryMib: 512 },
  });
  const row = rowOfUnfinishedRun({ run, startedAt: "2026-03-01", failure: { kind: "bug", message: "" } });
  return { ...row, status: "VALID", reason: "", ...figures(deviationPct, repetition) };
}

/** What the host's runs of a sweep will show, by point. */
function foretell(host: FakeHost, sweepId: string, deviations: readonly number[]): void {
  deviations.forEach((deviation, i) => {
    for (let repetition = 1; repetition <= REPETITIONS; repetition++) {
      host.verdicts.set(runIdOf({ sweepId, point: i + 1, repetition, attempt: 1 }), figures(deviation, repetition));
    }
  });
}

const nightOf = (name: string, date: string): MeasuredNight | undefined =>
  readNights(store, name).find((night) => night.date === date);

const TEN_CALM = Array.from({ length: 10 }, (_, i) => 0.5 + (i % 3) / 50);

describe.concurrent("a night", () => {
  test("is measured, and calm where its figures are those of the nights before", SOON, async () => {
    const { nightly, host } = await newNightly("calm");
    remember(nightly, TEN_CALM);
    foretell(host, nightSweepId("calm", "2026-03-11"), [0.51]);
    await (await startNight(nightly, "2026-03-11")).result();
    expect(host.callsOf("provisionNodes")).toHaveLength(REPETITIONS);
    expect(nightOf("calm", "2026-03-11")).toMatchObject({
      status: "DONE",
      sourceSha: "installed",
      verdict: { findings: [], regressions: [] },
    });
  });

  test("that confirms a change measures baseline and newest interleaved, and accuses the code", SOON, async () => {
    const { nightly, host } = await newNightly("slower");
    remember(nightly, [...TEN_CALM, 2]);
    foretell(host, nightSweepId("slower", "2026-03-12"), [2]);
    const again = confirmationSweepId("slower", "2026-03-12");
    foretell(host, again, [0.5, 2]);
    const handle = await startNight(nightly, "2026-03-12");
    await handle.result();
    await recordHistory(handle, "nightly-confirmed");
    const order = host.callsOf("provisionNodes").filter((runId) => runId.startsWith(again));
    expect(order.slice(0, 2).sort()).toEqual([`${again}-p1-r1-a1`, `${again}-p2-r1-a1`]);
    expect(nightOf("slower", "2026-03-12")?.verdict).toMatchObject({
      findings: [{ cause: "code", change: "worse", lastBefore: { date: "2026-03-10", sourceSha: "commit-10" } }],
      regressions: [{ firstAfter: { date: "2026-03-11", sourceSha: "commit-11" } }],
      confirmation: { sweepId: again, baseline: { sourceSha: "commit-1" } },
    });
    const sources = new Map(store.listRuns(again).map((row) => [row.environment, row.source_sha]));
    expect(sources).toEqual(
      new Map([
        ["containers-base", "commit-1"],
        ["containers-head", "installed"],
      ]),
    );
  });

  test("accuses the environment where the baseline itself came out slower than it was", SOON, async () => {
    const { nightly, host } = await newNightly("drift");
    remember(nightly, [...TEN_CALM, 2]);
    foretell(host, nightSweepId("drift", "2026-03-12"), [2]);
    foretell(host, confirmationSweepId("drift", "2026-03-12"), [2, 2]);
    await (await startNight(nightly, "2026-03-12")).result();
    expect(nightOf("drift", "2026-03-12")?.verdict).toMatchObject({
      findings: [{ cause: "environment" }],
      regressions: [],
    });
  });

  test("stays undecided where the baseline can be measured no more, and is no failure", SOON, async () => {
    const { nightly, host } = await newNightly("pruned");
    remember(nightly, [...TEN_CALM, 2]);
    foretell(host, nightSweepId("pruned", "2026-03-12"), [2]);
    host.failLater("prepareEnvironment", new BenchError("image", "it was pruned"), 1);
    await (await startNight(nightly, "2026-03-12")).result();
    expect(nightOf("pruned", "2026-03-12")).toMatchObject({
      status: "DONE",
      verdict: { undecided: expect.stringContaining("it was pruned"), regressions: [] },
    });
  });

  test("that fails is on record with its reason", SOON, async () => {
    const { nightly, host } = await newNightly("broken");
    host.failNext("prepareEnvironment", new BenchError("image", "no image"));
    await expect((await startNight(nightly, "2026-03-11")).result()).rejects.toThrow(WorkflowFailedError);
    expect(nightOf("broken", "2026-03-11")).toMatchObject({
      status: "FAILED",
      reason: expect.stringContaining("no image"),
    });
  });

  test("that is cancelled tears its run down and is on record", SOON, async () => {
    const { nightly, host } = await newNightly("stopped");
    const { reached, release } = host.holdNext("followMainLoop");
    const handle = await startNight(nightly, "2026-03-11");
    await reached;
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(WorkflowFailedError);
    release();
    expect(nightOf("stopped", "2026-03-11")?.status).toBe("CANCELLED");
    expect(host.nodes.size).toBe(0);
  });

  test("of a repository measures its newest commit, and reports", SOON, async () => {
    const { nightly, host } = await newNightly("octo", { repository: { owner: "octo", name: "mesh" } });
    await (await startNight(nightly, "2026-03-11")).result();
    expect(host.callsOf("buildImage")).toEqual([HEAD]);
    expect(nightOf("octo", "2026-03-11")).toMatchObject({
      sourceSha: HEAD,
      images: { containers: `sha256:${HEAD.padEnd(64, "0")}` },
    });
    await vi.waitFor(() => expect(reported).toEqual(["octo"]), { timeout: 10_000 });
  });
});

describe.concurrent("a schedule", () => {
  test("that fires twice on a date, beside two nudges, makes one night", SOON, async () => {
    const now = new Date();
    const { nightly, host } = await newNightly("twice", {
      calendar: { cron: "0 0 * * *", timeZone: "UTC" },
      catchUpSec: 24 * 3600 - 60,
    });
    expect(await applySchedule(harness.client, nightly)).toBe("made");
    const schedule = harness.client.schedule.getHandle("meshbench-nightly-twice");
    const scheduled = (await findSchedule(harness.client, "twice"))!;
    await Promise.all([
      schedule.trigger(),
      nudge(harness.client, scheduled, now),
      nudge(harness.client, scheduled, now),
    ]);
    const date = dateKeyOf(now, nightly.calendar);
    const night = harness.client.workflow.getHandle(nightWorkflowId("twice", date));
    await vi.waitFor(() => night.describe(), { timeout: 10_000 });
    await night.result();
    await schedule.trigger();
    expect((await nudge(harness.client, scheduled, now)).outcome).toBe("begun before");
    await vi.waitFor(async () => expect((await schedule.describe()).info.numActionsTaken).toBe(2), { timeout: 10_000 });
    expect(store.listNights("twice").map((one) => one.date)).toEqual([date]);
    expect(host.callsOf("provisionNodes")).toHaveLength(REPETITIONS);
    await deleteSchedule(harness.client, "twice");
  });

  test("that fires late measures the night it was meant for, by its own time zone", SOON, async () => {
    const { nightly, host } = await newNightly("late", { calendar: { cron: "30 0 * * *", timeZone: "Asia/Tokyo" } });
    await applySchedule(harness.client, nightly);
    const schedule = harness.client.schedule.getHandle("meshbench-nightly-late");
    // Half past midnight of the 11th in Tokyo, made up for now.
    await schedule.backfill({
      start: new Date("2026-03-10T15:00:00Z"),
      end: new Date("2026-03-10T16:00:00Z"),
      overlap: "SKIP",
    });
    const night = harness.client.workflow.getHandle(nightWorkflowId("late", "2026-03-11"));
    await vi.waitFor(() => night.describe(), { timeout: 10_000 });
    await night.result();
    expect(host.callsOf("provisionNodes")).toHaveLength(REPETITIONS);
    await deleteSchedule(harness.client, "late");
  });

  test("applied again is changed, keeps being paused, and lets no night overlap", SOON, async () => {
    const { nightly } = await newNightly("changed");
    await applySchedule(harness.client, nightly);
    const schedule = harness.client.schedule.getHandle("meshbench-nightly-changed");
    await schedule.pause();
    const calendar = { cron: "5 4 * * *", timeZone: "Europe/Lisbon" };
    expect(await applySchedule(harness.client, { ...nightly, calendar })).toBe("changed");
    const { policies } = await schedule.describe();
    expect(policies).toMatchObject({ overlap: "SKIP", catchupWindow: nightly.catchUpSec * 1000 });
    const found = await findSchedule(harness.client, "changed");
    expect(found).toMatchObject({ isPaused: true, nightly: { calendar } });
    expect(await nudge(harness.client, found!, new Date())).toMatchObject({ outcome: "paused" });
    await vi.waitFor(
      async () => expect((await listSchedules(harness.client)).map((one) => one.nightly.name)).toContain("changed"),
      { timeout: 10_000 },
    );
    await deleteSchedule(harness.client, "changed");
    expect(await findSchedule(harness.client, "changed")).toBeUndefined();
  });
});
