import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { InstallationHarness, parseSweep } from "#test/support/installation-harness";
import { TempDir } from "#test/support/temp-dir";
import { Vcsim, writeTinyOva } from "#test/support/vcsim";
import type { VcsimMode } from "#test/support/vcsim";

const MODES: readonly VcsimMode[] = ["esx", "vcenter"];
const dir = new TempDir();
const simulators = new Map<VcsimMode, Vcsim>();
let harness: InstallationHarness;

beforeAll(async () => {
  await writeTinyOva(dir.join("tiny.ova"));
  const others: Record<string, object> = {};
  for (const mode of MODES) {
    const simulator = await Vcsim.start({ mode });
    simulators.set(mode, simulator);
    await simulator.makeTemplate("golden", dir.join("tiny.ova"));
    others[mode] = { esxi: { ...(await simulator.writeSettings(dir.join(`password-${mode}`))), template: "golden" } };
  }
  harness = await InstallationHarness.up({ hosts: { others } });
});

afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  for (const simulator of simulators.values()) await simulator[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

test("a sweep over an ESXi and a vCenter measures on both, and calls a simulation one", async () => {
  const arms = MODES.map((mode) => [mode, { ...harness.environment(), provider: "esxi", host: mode }]);
  const spec = harness.writeSpec("vms", { environments: Object.fromEntries(arms) });
  const sweep = parseSweep(await harness.expectExit(0, "run", spec, "--json"));

  expect(sweep.runs.map(({ environment }) => environment).toSorted()).toEqual(["esx", "vcenter"]);
  for (const row of sweep.runs) {
    expect(row).toMatchObject({ status: "VALID", provider: "esxi", isolation: "simulated", consistent: true });
    expect(row.provision_s).toBeGreaterThan(0);
  }
  // The same tuples, whatever holds them.
  expect(new Set(sweep.runs.map(({ digest }) => digest)).size).toBe(1);

  const out = join(harness.home, "report");
  await harness.expectExit(0, "report", sweep.sweep_id, "--out", out);
  const report = readFileSync(join(out, "report.md"), "utf8");
  for (const mode of MODES) expect(report).toContain(`Isolation of ${mode} is simulated: no conclusion about VMs`);
});

test("nothing of the runs is left on the hosts, and the template's disk is as it was", async () => {
  for (const simulator of simulators.values()) {
    await using govc = await simulator.openGovc();
    expect((await govc.vm.list()).map(({ name }) => name)).toEqual(["golden"]);
    expect(await simulator.containerIds()).toEqual([]);
    const datastore = (await govc.datastore.list())[0]!.ref;
    const left = (await govc.datastore.ls({ datastore })).filter((name) => name.includes("-p1-r1-"));
    expect(left).toEqual([]);
    expect(await govc.datastore.ls({ datastore, path: "golden" })).toContain("disk-0.vmdk");
    expect(await govc.datastore.ls({ datastore, path: "meshbench-lease" })).toEqual([]);
  }
});
