import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunRow } from "#model/result-row";
import { InstallationHarness, parseSweep } from "#test/support/installation-harness";
import { requireNodeTree } from "#test/support/node-image";

let harness: InstallationHarness;
beforeAll(async () => {
  await requireNodeTree();
  harness = await InstallationHarness.up();
});
afterAll(() => harness[Symbol.asyncDispose]());

test("containers and native nodes are measured on the same points, and one report compares them", async () => {
  const containers = harness.environment();
  const environments = { containers, native: { ...containers, provider: "process" } };
  const spec = harness.writeSpec("native", { environments });
  const sweep = parseSweep(await harness.expectExit(0, "run", spec, "--json"));
  const byArm = (environment: string): RunRow[] => sweep.runs.filter((row) => row.environment === environment);
  expect(byArm("containers")).toHaveLength(1);
  for (const row of byArm("containers")) expect(row).toMatchObject({ status: "VALID", provider: "docker" });
  for (const row of byArm("native")) {
    expect(row).toMatchObject({ status: "VALID", provider: "process", isolation: "native", consistent: true });
  }
  // The same tuples, whatever holds them.
  expect(byArm("native").map(({ digest }) => digest)).toEqual(byArm("containers").map(({ digest }) => digest));
  expect(await harness.resources()).toEqual([]);

  const out = join(harness.home, "report");
  await harness.expectExit(0, "report", sweep.sweep_id, "--out", out);
  const report = readFileSync(join(out, "report.md"), "utf8");
  for (const arm of ["containers", "native"]) expect(report).toContain(arm);
});
