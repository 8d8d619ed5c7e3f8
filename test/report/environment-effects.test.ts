import { expect, test } from "vitest";
import type { GuardRecord, OwnEffects } from "#model/guards";
import { formatHtml } from "#report/html";
import { prepareReport, type ReportInput } from "#report/report-data";
import { sweepFixture } from "#test/report/fixture-rows";

const TITLE = "What the load did to its environment";

const CALM: OwnEffects = {
  busyPct: 40,
  stealPct: 0,
  irqPct: 1,
  cpuPressurePct: null,
  softnetDropped: 0,
  softnetSqueezed: 0,
  neighbourOverflows: 0,
  conntrackDropped: null,
  throttledSec: 0,
  listenOverflows: 0,
  listenDrops: 0,
  tcpTimeouts: 0,
};

const guardsOf = (own: Partial<OwnEffects>): GuardRecord => ({
  cpus: 2,
  sampledSec: 60,
  foreign: { cpuPct: 2.5, worstCpuPct: 5, programs: [], enginesGone: [] },
  own: { ...CALM, ...own },
  nodes: [],
  samples: { columns: [], rows: [] },
});

const { sweep, rows, environments } = sweepFixture();

function pageWith(guards: readonly (GuardRecord | "not sampled" | undefined)[]): string {
  const evidence = guards.map((one, position) => ({
    run: { runId: rows[position]?.run_id, environment: environments[0] },
    guards: one,
    wallClocks: [{ node: 2, offsetMs: -300_000, fasterPct: 0 }],
  })) as unknown as ReportInput["evidence"];
  return formatHtml(prepareReport({ sweep, rows, evidence }), []);
}

test("drops, throttling and clocks that are off stand in a table of their own", () => {
  const page = pageWith([guardsOf({ softnetDropped: 12_345, throttledSec: 1.25 })]);
  const section = page.slice(page.indexOf(TITLE));
  expect(section).toContain("12\u202F345");
  expect(section).toContain("1.25");
  expect(section).toContain("300\u202F000");
  expect(section).toContain("neighbour overflows");
});

test("where nothing was sampled there is no such table, and nothing is guessed", () => {
  expect(pageWith(["not sampled", undefined])).not.toContain(TITLE);
});
