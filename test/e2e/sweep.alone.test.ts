import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RUN_ROW_COLUMNS } from "#model/result-row";
import type { RunRow } from "#model/result-row";
import { InstallationHarness, parseSweep, until } from "#test/support/installation-harness";

let harness: InstallationHarness;
beforeAll(async () => {
  harness = await InstallationHarness.up();
});
afterAll(() => harness[Symbol.asyncDispose]());

describe("a sweep from spec to report", () => {
  let sweepId: string;
  let rows: readonly RunRow[];

  test("run --json prints one document of proven runs, equal tuples in each environment, and leaves no node", async () => {
    const environments = { first: harness.environment(), second: harness.environment() };
    const spec = harness.writeSpec("whole", { environments });
    const result = await harness.expectExit(0, "run", spec, "--json");
    const document = parseSweep(result);
    ({ sweep_id: sweepId, runs: rows } = document);
    expect(document).toEqual({ sweep_id: expect.stringMatching(/^whole-/), status: "DONE", runs: rows });
    expect(rows.map(({ environment }) => environment).toSorted()).toEqual(["first", "second"]);
    for (const row of rows) {
      expect(Object.keys(row)).toEqual(RUN_ROW_COLUMNS);
      expect(row).toMatchObject({ status: "VALID", reason: "", consistent: true, attempt: 1, quotable: false });
      expect(row).toMatchObject({ tuples_per_db: 400, tuples_per_db_expected: 400, host: harness.hostId });
      expect(row.digest).toBe(rows[0]?.digest);
    }
    expect(result.stderr.match(/^VALID .*/gm)).toHaveLength(2);
    expect(await harness.resources()).toEqual([]);
  });

  test("report writes one page, plots, a summary and a table", async () => {
    const out = join(harness.home, "report");
    const paths = JSON.parse(
      (await harness.expectExit(0, "report", sweepId, "--out", out, "--json")).stdout,
    ) as string[];
    expect(paths.map((path) => path.slice(out.length + 1))).toEqual(
      expect.arrayContaining(["report.html", "report.md", "runs.csv"]),
    );
    for (const path of paths) expect(statSync(path).size).toBeGreaterThan(0);
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain(sweepId);
  });

  test("export prints the rows in every format", async () => {
    const [csv, jsonl, benchfmt, parquet] = await Promise.all(
      ["csv", "jsonl", "benchfmt", "parquet"].map((format) =>
        harness.expectExit(0, "export", sweepId, "--format", format),
      ),
    );
    expect(csv?.stdout.split("\r\n")[0]).toBe(RUN_ROW_COLUMNS.join(","));
    expect(
      jsonl?.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as RunRow),
    ).toEqual(rows);
    expect(benchfmt?.stdout).toMatch(/^Benchmark/m);
    expect(parquet?.bytes.subarray(0, 4).toString()).toBe("PAR1");
  });

  test("status and list show it, and watch ends at once", async () => {
    const [status, watch, list] = await Promise.all([
      harness.expectExit(0, "status", sweepId, "--json"),
      harness.expectExit(0, "watch", sweepId, "--json"),
      harness.expectExit(0, "list", "--json"),
    ]);
    expect(parseSweep(status)).toEqual({ sweep_id: sweepId, status: "DONE", runs: rows });
    expect(parseSweep(watch)).toEqual(parseSweep(status));
    expect(JSON.parse(list.stdout)).toMatchObject([
      { sweep_id: sweepId, status: "DONE", runs_planned: 2, runs_recorded: 2, runs_valid: 2 },
    ]);
  });

  test("an ended sweep cannot be cancelled", async () => {
    expect((await harness.expectExit(2, "cancel", sweepId)).stderr).toBe(
      `error: ID: got "${sweepId}"; the sweep is done already; meshbench list shows all sweeps\n`,
    );
  });
});

test("run --detach returns at once, watch follows, and a missed threshold is exit 3", async () => {
  const thresholds = { deviation_pct: { median: "< -99" } };
  const spec = harness.writeSpec("detached", { thresholds });
  const {
    sweep_id: sweepId,
    status,
    runs,
  } = parseSweep(await harness.expectExit(0, "run", spec, "--detach", "--json"));
  expect({ status, runs }).toEqual({ status: "OPEN", runs: [] });
  const watched = await harness.expectExit(3, "watch", sweepId);
  expect(watched.stdout).toMatch(/containers/);
  expect(watched.stderr).toMatch(
    /^threshold missed: median deviation_pct < -99: found .* at containers replicated N=2/m,
  );
});

/** Longer than anybody waits. */
const writeLongSpec = () => harness.writeSpec("long", { duration: "10m" });

describe("Ctrl-C", () => {
  test("detaches, the sweep goes on, and cancel leaves a CANCELLED row and nothing else within 30 s", async () => {
    const run = harness.start("run", writeLongSpec());
    const sweepId = await run.sweepId();
    await harness.untilMainLoop(sweepId);
    run.kill("SIGINT");
    expect(await run.finished).toMatchObject({ exitCode: 130, stdout: "" });
    const status = JSON.parse((await harness.expectExit(0, "status", sweepId, "--json")).stdout) as object;
    expect(status).toMatchObject({ status: "OPEN", progress: { step: "main", runs_done: 0, runs_planned: 1 } });
    const logs = await harness.expectExit(0, "logs", `${sweepId}-p1-r1-a1`, "1");
    expect(logs.stdout).not.toBe("");

    const cancelledAt = performance.now();
    expect(JSON.parse((await harness.expectExit(0, "cancel", sweepId, "--json")).stdout)).toMatchObject({
      sweep_id: sweepId,
    });
    await until("no node is left", 30, async () => (await harness.resources()).length === 0);
    const { status: ended, runs } = parseSweep(await harness.expectExit(6, "watch", sweepId, "--json"));
    expect({ ended, runs }).toMatchObject({ ended: "CANCELLED", runs: [{ status: "CANCELLED" }] });
    expect(performance.now() - cancelledAt).toBeLessThan(30_000);
  });

  test("cancels with --on-interrupt cancel, and the command ends when all is gone", async () => {
    const run = harness.start("run", writeLongSpec(), "--on-interrupt", "cancel", "--json");
    await harness.untilMainLoop(await run.sweepId());
    run.kill("SIGINT");
    const result = await run.finished;
    expect(result).toMatchObject({ exitCode: 6 });
    expect(parseSweep(result)).toMatchObject({ status: "CANCELLED", runs: [{ status: "CANCELLED" }] });
    expect(await harness.resources()).toEqual([]);
  });
});

test("an image that is not there ends the sweep before any node starts, and names it", async () => {
  const image = `nobody/nothing@sha256:${"0".repeat(64)}`;
  const spec = harness.writeSpec("imageless", { environments: { containers: { ...harness.environment(), image } } });
  const result = await harness.expectExit(6, "run", spec, "--json");
  expect(parseSweep(result)).toMatchObject({ status: "FAILED", runs: [] });
  expect(result.stderr).toContain(image);
});
