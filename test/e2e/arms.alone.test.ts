import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { QemuProvider } from "#activities/providers/qemu";
import { InstallationHarness, parseSweep } from "#test/support/installation-harness";
import { requireNodeTree } from "#test/support/node-image";
import { requireVmDisk } from "#test/support/qemu-harness";
import { locateInstallation } from "#worker/installation";

const VM_HOST = `vms-${process.pid}`;
let harness: InstallationHarness;

beforeAll(async () => {
  await requireNodeTree();
  await requireVmDisk();
  // Emulated machines stand still now and then where the processors are busy.
  const guards = { gap_ms: 20_000 };
  harness = await InstallationHarness.up({ hosts: { guards, others: { [VM_HOST]: { qemu: { accel: "tcg" } } } } });
});
afterAll(() => harness[Symbol.asyncDispose]());

test("containers, native nodes and virtual machines are measured on the same points, and one report compares them", async () => {
  const containers = harness.environment();
  const environments = {
    containers,
    native: { ...containers, provider: "process" },
    vms: { ...containers, provider: "qemu", host: VM_HOST },
  };
  const spec = harness.writeSpec("arms", { environments, rate: 600, aggregation: 10 });
  const sweep = parseSweep(await harness.expectExit(0, "run", spec, "--json"));

  expect(sweep.runs).toHaveLength(3);
  const arms = new Map(sweep.runs.map((row) => [row.environment, row]));
  expect(arms.get("containers")).toMatchObject({ status: "VALID", provider: "docker", consistent: true });
  expect(arms.get("native")).toMatchObject({ status: "VALID", provider: "process", isolation: "native" });
  // Emulation is called by its name.
  expect(arms.get("vms")).toMatchObject({ status: "VALID", provider: "qemu", isolation: "tcg" });
  // The same tuples, whatever holds them.
  expect(new Set(sweep.runs.map(({ digest }) => digest)).size).toBe(1);
  expect(sweep.runs.every(({ consistent }) => consistent)).toBe(true);
  expect(new Set(sweep.runs.map(({ fingerprint }) => fingerprint)).size).toBe(3);

  const { stdout } = await harness.expectExit(0, "status", sweep.sweep_id);
  expect(stdout).toContain("tcg");
  const out = join(harness.home, "report");
  await harness.expectExit(0, "report", sweep.sweep_id, "--out", out);
  const report = readFileSync(join(out, "report.md"), "utf8");
  for (const arm of arms.keys()) expect(report).toContain(arm);
  expect(report).toContain("Isolation of vms is tcg: no conclusion about VMs");
});

test("nothing of the nodes is left", async () => {
  expect(await harness.resources()).toEqual([]);
  const { cache } = locateInstallation(harness.env);
  const provider = new QemuProvider({ hostId: VM_HOST, cache, diskId: async () => "", accelerator: "tcg" });
  expect((await provider.listLabelled()).filter(({ host }) => host === VM_HOST)).toEqual([]);
});
