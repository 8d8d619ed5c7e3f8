import { describe, expect, test } from "vitest";
import {
  comparisonWarnings,
  formatComparisonMarkdown,
  formatComparisonText,
  prepareComparison,
  type ComparisonReport,
} from "#report/comparison";
import type { RunRow } from "#model/result-row";
import { CONTAINERS, sweepFixture, VMS } from "#test/report/fixture-rows";

const { rows } = sweepFixture({ environments: [CONTAINERS, VMS], nodes: [2], repetitions: 8, allValid: true });
const of = (environment: string) => rows.filter((row) => row.environment === environment);
const changed = (some: readonly RunRow[], change: Partial<RunRow>): RunRow[] =>
  some.map((row) => Object.assign({}, row, change));

const report = (a: readonly RunRow[], b: readonly RunRow[], name = "s2:vms"): ComparisonReport =>
  prepareComparison(
    { name: "s1:containers", rows: a, environments: [CONTAINERS] },
    { name, rows: b, environments: [VMS] },
    3,
  );

describe("a comparison for people", () => {
  test("begins with the verdict, and names both sides", () => {
    expect(formatComparisonText(report(of("containers"), of("vms")))).toMatch(/^.*s2:vms.*s1:containers/);
    expect(formatComparisonMarkdown(report(of("containers"), of("vms")))).toMatch(/^(✅|❌|➖) \*\*.*s2:vms/);
  });

  test("shows in what the environments differ before any figure", () => {
    const text = formatComparisonText(report(of("containers"), of("vms")));
    expect(text.indexOf("node kernel")).toBeGreaterThan(0);
    expect(text.indexOf("node kernel")).toBeLessThan(text.indexOf("deviation %"));
    expect(text).not.toContain("cpu model");
  });

  test("has a line for each point and measure, with interval, p and arrow", () => {
    const markdown = formatComparisonMarkdown(report(of("containers"), of("vms")));
    const lines = markdown.split("\n").filter((line) => line.includes("deviation %"));
    expect(lines).toHaveLength(new Set(of("vms").map((row) => `${row.mode} ${row.rate_per_min}`)).size);
    for (const line of lines) expect(line).toMatch(/(\d\.\d{3}|\\< 0\.001) \| (↓ better|↑ worse|\\~) \|$/);
  });

  test("warns of too few repetitions, of runs at their deadline and of points that one side lacks", () => {
    const few = of("vms").filter(({ repetition, mode }) => repetition <= 3 && mode === "replicated");
    const late = changed(few, { repetition: 9, status: "INVALID", reason: "deadline: 1 h" });
    const warnings = comparisonWarnings(report(of("containers"), [...few, ...late])).join("\n");
    expect(warnings).toContain("only 3 VALID repetitions");
    expect(warnings).toContain("hit their deadline");
    expect(warnings).toContain("are in s1:containers only");
  });

  test("draws no conclusion about VMs from what is none", () => {
    const simulated = changed(of("vms"), { isolation: "tcg" });
    expect(formatComparisonMarkdown(report(of("containers"), simulated))).toContain("no conclusion about VMs follows");
  });

  test("keeps names from outside text", () => {
    const markdown = formatComparisonMarkdown(report(of("containers"), of("vms"), "<img src=x> @everyone `x`"));
    expect(markdown.replaceAll(/(`+) .*? \1/g, "")).not.toMatch(/(?<!\\)<img|@everyone/);
  });

  test("says that there is nothing to compare where no point is shared", () => {
    const others = changed(of("vms"), { nodes: 99 });
    expect(formatComparisonText(report(of("containers"), others))).toContain("share no point");
  });
});
