import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { QemuProvider } from "#activities/providers/qemu";
import { InstallationHarness, parseSweep } from "#test/support/installation-harness";
import { requireVmDisk } from "#test/support/qemu-harness";
import { locateInstallation } from "#worker/installation";

const HOST = `vms-${process.pid}`;
let harness: InstallationHarness;

beforeAll(async () => {
  await requireVmDisk();
  // Emulated machines stand still now and then where the processors are busy.
  const guards = { gap_ms: 20_000 };
  harness = await InstallationHarness.up({ hosts: { guards, others: { [HOST]: { qemu: { accel: "tcg" } } } } });
});
afterAll(() => harness[Symbol.asyncDispose]());

test("containers and virtual machines are measured on the same points, and emulation is called by its name", async () => {
  const containers = harness.environment();
  const environments = { containers, vms: { ...containers, provider: "qemu", host: HOST } };
  const spec = harness.writeSpec("vms", { environments, rate: 600, aggregation: 10 });
  const sweep = parseSweep(await harness.expectExit(0, "run", spec, "--json"));

  const arms = new Map(sweep.runs.map((row) => [row.environment, row]));
  expect(arms.get("containers")).toMatchObject({ status: "VALID", provider: "docker", consistent: true });
  expect(arms.get("vms")).toMatchObject({ status: "VALID", provider: "qemu", isolation: "tcg", consistent: true });
  // The same tuples, whatever holds them.
  expect(arms.get("vms")?.digest).toBe(arms.get("containers")?.digest);
  expect(arms.get("vms")?.fingerprint).not.toBe(arms.get("containers")?.fingerprint);

  const { stdout } = await harness.expectExit(0, "status", sweep.sweep_id);
  expect(stdout).toContain("tcg");
  const out = join(harness.home, "report");
  await harness.expectExit(0, "report", sweep.sweep_id, "--out", out);
  const report = readFileSync(join(out, "report.md"), "utf8");
  expect(report).toContain("Isolation of vms is tcg: no conclusion about VMs");
});

test("nothing of the machines is left", async () => {
  const { cache } = locateInstallation(harness.env);
  const provider = new QemuProvider({ hostId: HOST, cache, diskId: async () => "", accelerator: "tcg" });
  expect((await provider.listLabelled()).filter(({ host }) => host === HOST)).toEqual([]);
});
