import { compile, type TopLevelSpec } from "vega-lite";
import { parse, View } from "vega";
import { describe, expect, test } from "vitest";
import { hitDeadline } from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import { measureAxis } from "#report/charts/axis";
import { measureChart } from "#report/charts/measure-chart";
import { DEVIATION, REMOTE_LATENESS } from "#report/charts/measures";
import { phasesChart } from "#report/charts/phases-chart";
import { renderPng, renderSvg } from "#report/charts/render";
import { plotLayouts, type PlotLayout } from "#report/factors";
import { CONTAINERS, sweepFixture, withColumns, type SweepFixtureOptions } from "#test/report/fixture-rows";

const { rows } = sweepFixture();
const AGAINST_D: PlotLayout = { x: "rate_per_min", panels: ["mode"] };

/** What is hovered: one title a mark. */
const titlesIn = (svg: string): string[] =>
  [...svg.matchAll(/<title>([^<]*)<\/title>/g)].map(([, title = ""]) => title);
const textsIn = (svg: string): string[] =>
  [...svg.replaceAll(/<title>[^<]*<\/title>/g, "").matchAll(/>([^<]+)</g)].map(([, text = ""]) => text);
const countOf = (texts: readonly string[], text: string): number => texts.filter((one) => one === text).length;

describe("a plot of the deviation", async () => {
  const svg = await renderSvg(measureChart(rows, AGAINST_D, DEVIATION));
  const titles = titlesIn(svg);
  const texts = textsIn(svg);

  test("shows every attempt once, whatever its status", () => {
    for (const { run_id, status } of rows) {
      expect(titles.filter((title) => title.startsWith(`${run_id}: ${status}`))).toHaveLength(1);
    }
  });

  test("names quantity, unit, both axes, arms and panels", () => {
    expect(texts).toEqual(expect.arrayContaining(["Deviation of execution time (%) against rate D"]));
    for (const text of ["rate D (tuples per node per minute)", "deviation (%)", "containers", "vms"]) {
      expect(texts).toContain(text);
    }
    expect(texts).toEqual(expect.arrayContaining(["mode = baseline", "mode = replicated"]));
  });

  test("counts every status in its subtitle", () => {
    expect(texts.join("\n")).toContain("163 VALID, 1 SUSPECT, 3 INVALID, 2 FAILED, 1 CANCELLED (2 replaced)");
  });

  test("marks each point with runs at their deadline by one ≥", () => {
    const late = rows.filter(hitDeadline);
    const points = new Set(late.map(({ environment, mode, rate_per_min }) => `${environment} ${mode} ${rate_per_min}`));
    expect(points.size).toBeGreaterThan(0);
    expect(countOf(texts, "≥")).toBe(points.size);
  });

  test("draws × for disturbed runs and, at the foot, for runs without a figure", () => {
    const disturbed = rows.filter((row) => row.status === "INVALID" && row.deviation_pct !== null && !hitDeadline(row));
    const without = rows.filter((row) => row.deviation_pct === null);
    expect(countOf(texts, "×")).toBe(disturbed.length + without.length);
  });

  test("has a median per arm and value of D", () => {
    expect(titles.filter((title) => /: median .* of \d VALID runs$/.test(title))).toHaveLength(24);
  });

  test("is the same for the same rows", async () => {
    expect(await renderSvg(measureChart(rows, AGAINST_D, DEVIATION))).toBe(svg);
  });

  test("refers to nothing outside, and has a generic font to fall back to", () => {
    expect(svg).not.toMatch(/href|url\(|<image|<script|<style/);
    for (const [, family] of svg.matchAll(/font-family="([^"]+)"/g)) expect(family).toMatch(/sans-serif$/);
  });
});

test.each(["tcg", "simulated"] as const)("every plot says by itself that %s is no VM", async (isolation) => {
  const emulated = rows.map((row) => (row.environment === "vms" ? { ...row, isolation } : row));
  for (const plot of [measureChart(emulated, AGAINST_D, DEVIATION), phasesChart(emulated)]) {
    const texts = textsIn(await renderSvg(plot)).join("\n");
    expect(texts).toContain(`vms is ${isolation}: no conclusion about VMs`);
    expect(texts).not.toContain("containers is");
  }
});

test("names and reasons cannot break out of an SVG", async () => {
  const hostile = withColumns(rows.slice(0, 3), {
    environment: '</text><script>alert(1)</script>"',
    reason: "gap: <img src=x onerror=alert(1)>\u001B[2J",
    status: "INVALID",
  });
  const svg = await renderSvg(measureChart(hostile, { x: "environment", panels: [] }, DEVIATION));
  expect(svg).not.toMatch(/<script|<img/);
  expect(svg).not.toContain("\u001B");
});

describe("every layout compiles without a warning and draws all runs", () => {
  test.each<[string, SweepFixtureOptions]>([
    ["N, both modes", { nodes: [2, 16, 64], rates: [5000], repetitions: 2 }],
    ["N and D", { nodes: [2, 8], rates: [6000, 60_000], modes: ["replicated"], repetitions: 2 }],
    ["N, D and aggregation", { nodes: [2, 8], rates: [6000, 60_000], aggregations: [1, 100], repetitions: 1 }],
    ["aggregation alone", { nodes: [4], rates: [6000], aggregations: [1, 10, 100], repetitions: 2 }],
    ["modes alone", { nodes: [4], rates: [6000], repetitions: 2 }],
    ["environments alone", { nodes: [4], rates: [6000], modes: ["replicated"], repetitions: 6 }],
    ["a single run", { nodes: [1], rates: [1], modes: ["replicated"], repetitions: 1, environments: [CONTAINERS] }],
  ])("%s", async (_, options) => {
    const some = sweepFixture(options).rows;
    const charts = plotLayouts(some).flatMap((layout) => [
      measureChart(some, layout, DEVIATION),
      measureChart(some, layout, REMOTE_LATENESS),
    ]);
    for (const chart of [...charts, phasesChart(some)]) expect(warningsOf(chart)).toEqual([]);
    for (const chart of charts) expect(runsIn(titlesIn(await renderSvg(chart)), some)).toBe(some.length);
  });

  test("of the phases has a panel for each size of a node, medians not across them", async () => {
    const sized = [1, 2].flatMap((cpus) => withColumns(rows, { cpus, provision_s: cpus }));
    const svg = await renderSvg(phasesChart(sized));
    const panels = ["N = 15, CPUs = 1", "N = 15, CPUs = 2"];
    expect(textsIn(svg).filter((text) => panels.includes(text))).toEqual(panels);
    const medians = titlesIn(svg).filter((title) => title.startsWith("containers: median: provision"));
    expect(medians).toEqual(["containers: median: provision 1.00 s", "containers: median: provision 2.00 s"]);
  });

  test("where no run has a figure", async () => {
    const failed = withColumns(rows, { deviation_pct: null, status: "FAILED", reason: "capacity: full" });
    const titles = titlesIn(await renderSvg(measureChart(failed, AGAINST_D, DEVIATION)));
    expect(runsIn(titles, failed)).toBe(failed.length);
  });
});

const runsIn = (titles: readonly string[], some: readonly RunRow[]): number =>
  some.filter(({ run_id }) => titles.some((title) => title.startsWith(`${run_id}: `))).length;

function warningsOf(chart: TopLevelSpec): string[] {
  const warnings: string[] = [];
  const keep = (...words: readonly unknown[]) => {
    warnings.push(words.join(" "));
    return logger;
  };
  const logger = { level: () => logger, error: keep, warn: keep, info: () => logger, debug: () => logger };
  new View(parse(compile(chart, { logger: logger }).spec), {
    renderer: "none",
    logger: logger,
  }).run();
  return warnings;
}

const layoutsOf = (options: SweepFixtureOptions): PlotLayout[] => plotLayouts(sweepFixture(options).rows);

describe("what is along x", () => {
  test.each<[string, SweepFixtureOptions, PlotLayout[]]>([
    ["D where the rate varies", { nodes: [15] }, [{ x: "rate_per_min", panels: ["mode"] }]],
    ["N where the nodes vary", { nodes: [2, 4], rates: [5000] }, [{ x: "nodes", panels: ["mode"] }]],
    [
      "each of D and N, with panels for the other",
      { nodes: [2, 4], rates: [5000, 6000], modes: ["replicated"] },
      [
        { x: "rate_per_min", panels: ["nodes"] },
        { x: "nodes", panels: ["rate_per_min"] },
      ],
    ],
    [
      "another factor where the load is fixed",
      { rates: [5000], modes: ["replicated"], aggregations: [1, 100] },
      [{ x: "aggregation", panels: [] }],
    ],
    ["the modes where nothing else varies", { rates: [5000] }, [{ x: "mode", panels: [] }]],
    ["the environments at last", { rates: [5000], modes: ["replicated"] }, [{ x: "environment", panels: [] }]],
  ])("is %s", (_, options, layouts) => {
    expect(layoutsOf(options)).toEqual(layouts);
  });

  test("is never a trait of an environment, such as its memory", () => {
    const small = { ...CONTAINERS, name: "small", memoryMib: 256 };
    const options = { environments: [CONTAINERS, small], modes: ["replicated" as const] };
    expect(layoutsOf(options)).toEqual([{ x: "rate_per_min", panels: [] }]);
  });
});

describe("the axis of a measure", () => {
  test("is linear where figures are of one size", () => {
    expect(measureAxis([1, 2, 3], 0.01, 300, 0).scale.type).toBe("linear");
  });

  test("keeps figures near zero apart beside a saturated arm", () => {
    const axis = measureAxis([0.02, 0.05, 0.04, 120], 0.01, 300, 0);
    expect(axis.scale.type).toBe("symlog");
    expect(axis.distance(0.02, 0.05)).toBeGreaterThan(15);
  });

  test("has room and ticks below zero where figures are negative", () => {
    const axis = measureAxis([-0.05, 0.02, 0.01, 40], 0.01, 300, 0);
    expect(axis.domain[0]).toBeLessThanOrEqual(-0.05);
    expect(axis.ticks).toEqual(expect.arrayContaining([-0.03, 0, 0.03, 30]));
  });

  test("keeps its lane free of figures", () => {
    const axis = measureAxis([0, 10], 0.01, 300, 18);
    expect(axis.distance(axis.domain[0], 0)).toBeCloseTo(18, 6);
  });
});

test("a PNG has the plot's text on a machine without fonts", async () => {
  const [blank, titled] = [await pngTitled(""), await pngTitled("Deviation")];
  expect(Buffer.from(titled).toString("latin1", 1, 4)).toBe("PNG");
  // The same picture but for its title: compressed, text takes bytes.
  expect(titled.length).toBeGreaterThan(blank.length + 500);
});

const pngTitled = async (title: string): Promise<Uint8Array> =>
  renderPng(await renderSvg({ title, mark: "point", data: { values: [] } }));
