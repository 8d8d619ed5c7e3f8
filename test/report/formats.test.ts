import { parquetReadObjects } from "hyparquet";
import { describe, expect, test } from "vitest";
import { RUN_ROW_COLUMNS, type RunRow } from "#model/result-row";
import { formatRows } from "#report/formats";
import { sweepFixture, withColumns } from "#test/report/fixture-rows";

const { rows } = sweepFixture();
const oneRow = (columns: Partial<RunRow>) => withColumns(rows.slice(0, 1), columns);
const textOf = (some: readonly RunRow[], format: "csv" | "jsonl" | "benchfmt") => String(formatRows(some, format));

/** The only run's line. */
const csvLine = (columns: Partial<RunRow>): string => textOf(oneRow(columns), "csv").split("\r\n", 2)[1] ?? "";

describe("CSV", () => {
  test("has a header of the published columns and a line per run, each ended by CR LF", () => {
    const lines = textOf(rows, "csv").split("\r\n");
    expect(lines[0]).toBe(RUN_ROW_COLUMNS.join(","));
    expect(lines).toHaveLength(rows.length + 2);
    expect(lines.at(-1)).toBe("");
  });

  test("quotes commas, quotes and line breaks, and doubles quotes", () => {
    expect(csvLine({ reason: 'sync: node "7", gone' })).toContain(',"sync: node ""7"", gone",');
    const broken = textOf(oneRow({ reason: "bug: a\nb" }), "csv");
    expect(broken).toContain(',"bug: a\nb",');
  });

  test.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])("keeps a spreadsheet from running %j as a formula", (reason) => {
    expect(csvLine({ reason })).toContain(`,'${reason},`);
  });

  test("leaves negative numbers numbers, and unknown values empty", () => {
    expect(csvLine({ deviation_pct: -0.02, elapsed_s: null, deviation_pct_median: -0.03 })).toContain(
      ",60,,-0.02,-0.03,",
    );
  });
});

test("JSON lines give every row back", () => {
  const lines = textOf(rows, "jsonl").trimEnd().split("\n");
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual(rows);
});

test("Parquet gives every row back, nulls and large counts included", async () => {
  const bytes = formatRows(rows, "parquet");
  if (typeof bytes === "string") throw new TypeError("Parquet is binary");
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const read = await parquetReadObjects({ file });
  const counts = new Set(["seed", "tuples_per_db", "tuples_per_db_expected"]);
  const asRow = (record: Record<string, unknown>) =>
    Object.fromEntries(
      Object.entries(record).map(([key, value]) => [key, counts.has(key) && value !== null ? Number(value) : value]),
    );
  expect(read.map(asRow)).toEqual(rows);
});

test("Parquet has the same types where a column has no value at all", async () => {
  const bytes = formatRows(oneRow({ deviation_pct: null, digest: null, consistent: null }), "parquet");
  if (typeof bytes === "string") throw new TypeError("Parquet is binary");
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  expect(await parquetReadObjects({ file })).toMatchObject([{ deviation_pct: null, digest: null, consistent: null }]);
});

describe("the Go benchmark format", () => {
  const lines = textOf(rows, "benchfmt").split("\n");
  const results = lines.filter((line) => line.startsWith("Benchmark"));

  test("has a benchmark line for each VALID run, and only for those", () => {
    expect(results).toHaveLength(rows.filter(({ status }) => status === "VALID").length);
  });

  test("mentions the other runs in comments", () => {
    const others = rows.filter(({ status }) => status !== "VALID");
    for (const { run_id, status } of others) {
      expect(lines.some((line) => line.startsWith(`# ${run_id} ${status}`))).toBe(true);
    }
  });

  test("names every factor, and ends in nothing that reads as GOMAXPROCS", () => {
    const [name = ""] = results[0]?.split("\t") ?? [];
    expect(name).toMatch(/^BenchmarkMesh\/environment=containers\/mode=baseline\/.*\/nodes=15\/rate_per_min=5000$/);
    expect(textOf(oneRow({ environment: "vms-8" }), "benchfmt")).not.toMatch(/^Benchmark\S*-\d+\t/m);
  });

  test("gives each figure its unit, times in seconds", () => {
    const line = textOf(oneRow({ deviation_pct: 0.045, lateness_remote_p99_ms: 56.694, elapsed_s: null }), "benchfmt");
    expect(line).toMatch(
      /\t1\t0\.045 deviation-pct\t[\d.]+ lateness-local-p99-sec\t0\.056694 lateness-remote-p99-sec\t/,
    );
  });

  test("has no configuration line, across which benchstat would compare nothing", () => {
    expect(lines.filter((line) => /^[a-z][^A-Z\s]*:/.test(line))).toEqual([]);
  });

  test("says in a comment which arms are no VMs", () => {
    expect(textOf(oneRow({ environment: "vms", isolation: "tcg" }), "benchfmt")).toContain(
      "\n# vms is tcg: no conclusion about VMs\n",
    );
  });

  test("keeps a reason on its line", () => {
    const text = textOf(oneRow({ status: "INVALID", reason: "gap: x\nBenchmarkFake 1 1 deviation-pct" }), "benchfmt");
    expect(text).not.toMatch(/^BenchmarkFake/m);
  });
});
