import { parse } from "yaml";
import { beforeAll, describe, expect, test } from "vitest";
import { parseSpec } from "#model/parse-spec";
import type { RunRow } from "#model/result-row";
import type { PreparedEnvironment } from "#model/run";
import { DEFAULT_LIMITS } from "#model/spec-schema";
import { buildReport } from "#report/index";
import { formatHtml } from "#report/html";
import { formatMarkdown } from "#report/markdown";
import { prepareReport, type ReportInput } from "#report/report-data";
import { CONTAINERS, sweepFixture, VMS, withColumns } from "#test/report/fixture-rows";

const HOSTILE = `<script>alert("1")</script>'\`|@everyone [x](http://evil.example)\u001B[2J\n`;

function inputOf(options: Parameters<typeof sweepFixture>[0] = {}): ReportInput {
  const { sweep, rows, environments } = sweepFixture(options);
  return { sweep, rows, evidence: environments.map(evidenceOf) };
}

/** As much of a run's evidence as a report reads. */
const evidenceOf = (environment: PreparedEnvironment) => ({ run: { environment } }) as ReportInput["evidence"][number];

const reportOf = async (input: ReportInput) => {
  const files = await buildReport(input);
  return { files, html: String(files.get("report.html")), markdown: String(files.get("report.md")) };
};

/** What a reader sees, without the time that plots take. */
function textsOf(input: ReportInput) {
  const data = prepareReport(input);
  return { html: formatHtml(data, []), markdown: formatMarkdown(data, []) };
}

const nativeOn = (virtualisation: string) =>
  textsOf(inputOf({ environments: [{ ...CONTAINERS, isolation: "native", facts: { virtualisation } }] }));

/** The cells' text of the table line that has this text in one of its cells. */
function lineWith(html: string, text: string): string {
  const line = html
    .split("<tr")
    .slice(1)
    .find((one) => one.includes(text));
  return (line ?? "").replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ");
}

describe("the report of a sweep with everything in it", () => {
  const input = inputOf();
  let report: Awaited<ReturnType<typeof reportOf>>;
  beforeAll(async () => {
    report = await reportOf(input);
  });

  test("is one HTML file, Markdown, CSV, the spec, and each plot as SVG and PNG", () => {
    expect([...report.files.keys()].toSorted()).toEqual([
      "plots/deviation-by-rate.png",
      "plots/deviation-by-rate.svg",
      "plots/lateness-by-rate.png",
      "plots/lateness-by-rate.svg",
      "plots/phases.png",
      "plots/phases.svg",
      "report.html",
      "report.md",
      "runs.csv",
      "spec.yaml",
    ]);
  });

  test("opens offline: the HTML loads nothing, runs nothing and forbids both", () => {
    const { html } = report;
    expect(html).not.toMatch(/<(?:script|link|img|iframe|object|embed|base)\b/i);
    expect(html).not.toMatch(/\s(?:src|href|xlink:href|srcset|action|on[a-z]+)=/i);
    expect(html).not.toMatch(/@import|url\(/);
    expect(html).toContain("default-src 'none'".replaceAll("'", "&#39;"));
  });

  test("puts the verdict, the thresholds and every status first", () => {
    expect(report.html).toMatch(/<strong>Threshold missed at 9 of 24 points; 163 of 168 planned runs VALID<\/strong>/);
    for (const counted of ["163</b> VALID", "1</b> SUSPECT", "3</b> INVALID", "2</b> FAILED", "1</b> CANCELLED"]) {
      expect(report.html).toContain(`<b>${counted}`);
    }
    expect(report.html).toContain("<b>2</b> of these replaced");
  });

  test("has the plots inside the HTML", () => {
    expect(report.html.match(/<svg/g)).toHaveLength(3);
  });

  test("lists every attempt with its status and reason, replaced ones marked", () => {
    for (const { run_id, status, reason } of input.rows) {
      const line = lineWith(report.html, `<code>${run_id}</code>`);
      expect(line).toContain(status);
      expect(line).toContain(reason);
    }
    const replaced = input.rows.find(({ reason }) => reason.startsWith("gap:"));
    expect(lineWith(report.html, `<code>${replaced?.run_id}</code>`)).toContain("INVALID (replaced)");
  });

  test("gives a point at its deadline as a lower bound without an interval", () => {
    const line = report.markdown.split("\n").find((one) => one.includes("hit the deadline") && one.startsWith("|"));
    expect(line).toMatch(/\| containers \| replicated \| 15 \| 240 000 \| 54 000 000 \| 5 \| ≥ \d+ \| – \| ≥ \d+ \|/);
  });

  test("says in what the environments differ", () => {
    expect(lineWith(report.html, "node kernel")).toMatch(/≠.*6\.12\.41-amd64.*6\.1\.0-39-cloud-amd64/);
    expect(lineWith(report.html, "cpu model")).not.toContain("≠");
    expect(report.markdown).toContain("The environments differ in provider, isolation, docker version");
  });

  test("gives the sizes that were measured, also where they are an axis", () => {
    const sized = input.rows.map((row, i) => Object.assign({}, row, { cpus: i % 2 === 0 ? 2 : 4, memory_mib: 2048 }));
    const { html } = textsOf({ ...input, rows: sized });
    expect(lineWith(html, "cpus per node")).toMatch(/ 2, 4 +2, 4 /);
    expect(lineWith(html, "memory per node")).toMatch(/ 2GiB +2GiB /);
  });

  test("has the spec as a file that measures the same again", () => {
    const spec = parseSpec(parse(String(report.files.get("spec.yaml"))), DEFAULT_LIMITS);
    expect(spec).toEqual(JSON.parse(input.sweep.specJson));
    expect(report.html).toContain("meshbench run spec.yaml");
  });

  test("has Markdown that starts with the verdict", async () => {
    await expect(report.markdown).toMatchFileSnapshot("report.generated.md");
  });
});

describe("a report", () => {
  test.each(["tcg", "simulated"] as const)("never lets %s pass for VMs", (isolation) => {
    const vms = { ...VMS, isolation };
    const { html, markdown } = textsOf(inputOf({ environments: [CONTAINERS, vms], rates: [5000] }));
    const warning = `Isolation of vms is ${isolation}: no conclusion about VMs follows from its figures.`;
    expect(html).toContain(warning);
    expect(markdown).toContain(warning);
    expect(markdown).toContain(`${isolation}: no conclusion about VMs |`);
  });

  test("flags main loops under 30 s as not quotable", () => {
    const { html, markdown } = textsOf(inputOf({ durationSec: 20, rates: [5000], repetitions: 2 }));
    expect(html).toContain("not quotable: under 30 s");
    expect(markdown).toContain("Not quotable: 9 runs under 30 s");
  });

  test("of a sweep without a flaw has nothing to warn of but its environments", () => {
    const clean = { allValid: true, rates: [5000], environments: [CONTAINERS] };
    const { html } = textsOf(inputOf(clean));
    expect(html).toContain("14 of 14 planned runs VALID; all thresholds kept");
    expect(html).not.toContain("Limits of these results");
  });

  test("tells its points apart by every axis, and leaves none out that only a deadline ended", () => {
    const input = inputOf({ environments: [CONTAINERS], modes: ["replicated"], rates: [5000], repetitions: 2 });
    const reason = "deadline: not done in time";
    const late: Partial<RunRow> = { cpus: 1, status: "INVALID", reason, deviation_pct: 300 };
    const { html } = textsOf({ ...input, rows: [...input.rows, ...withColumns(input.rows, late)] });
    expect(html).toMatch(
      /containers, replicated: median deviation 0\.\d+ % to ≥ 300 %, most at N = 15, D = 5.000, CPUs = 1</,
    );
  });

  test("of a sweep with no run yet says so", async () => {
    const { files, html } = await reportOf({ ...inputOf(), rows: [], evidence: [] });
    expect(html).toContain("No VALID run of 168 planned: nothing is shown");
    expect([...files.keys()].filter((name) => name.startsWith("plots/"))).toEqual([]);
  });

  test("says what has to be said beside a run's row", () => {
    const input = inputOf();
    const text = "its evidence was changed since it was stored";
    const said = `Run ${input.rows[0]?.run_id}: ${text}.`;
    const { html, markdown } = textsOf({ ...input, notes: [{ runId: input.rows[0]?.run_id ?? "", text }] });
    for (const page of [html, markdown]) expect(page.replaceAll("\\", "")).toContain(said);
    expect(textsOf(input).html).not.toContain("its evidence");
  });

  test("names a fingerprint that changed during the sweep", () => {
    const input = inputOf({ rates: [5000] });
    const rows = [...input.rows.slice(1), ...withColumns(input.rows.slice(0, 1), { fingerprint: "0123456789abcdef" })];
    const { html } = textsOf({ ...input, rows });
    expect(html).toContain("The facts of containers changed during the sweep");
  });

  test("says where native nodes or VMs are on a machine that is a virtual one, and shows the fact", () => {
    const said = "The machine of containers is itself a virtual one";
    for (const page of Object.values(nativeOn("hypervisor"))) expect(page).toContain(said);
    expect(lineWith(nativeOn("hypervisor").html, "virtualisation")).toContain("hypervisor");
    for (const known of ["none", "unknown"]) expect(nativeOn(known).html).not.toContain(said);
  });

  test("takes no change of the load, from which the databases' sizes follow, for one of the facts", () => {
    const input = inputOf();
    const rows = input.rows.flatMap((row) => withColumns([row], { fingerprint: `sized for ${row.rate_per_min}` }));
    expect(textsOf({ ...input, rows }).html).not.toContain("changed during the sweep");
  });

  test("shows hostile names, reasons and facts as text", async () => {
    const input = inputOf({
      rates: [5000],
      repetitions: 2,
      environments: [{ ...CONTAINERS, facts: { [HOSTILE]: HOSTILE } }],
    });
    const columns: Partial<RunRow> = {
      environment: HOSTILE,
      host: HOSTILE,
      reason: `gap: ${HOSTILE}`,
      status: "INVALID",
    };
    const rows = [...withColumns(input.rows.slice(0, 2), columns), ...input.rows.slice(2)];
    const { html, markdown } = await reportOf({ ...input, sweep: { ...input.sweep, name: HOSTILE }, rows });
    expect(html).not.toMatch(/<script|href=/i);
    expect(html).not.toContain("\u001B");
    expect(markdown).not.toContain("\u001B");
    // Outside code spans there is no tag, no link and no mention.
    const prose = markdown.replaceAll(/(?<!\\)(`+)(?!`).*?(?<!`)\1(?!`)/g, "");
    expect(prose).not.toMatch(/(?<!\\)<script|(?<!\\)\[x\](?!\\)\(|@everyone/);
  });
});
