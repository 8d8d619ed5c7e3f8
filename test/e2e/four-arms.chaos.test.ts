/** What issue 5 is done with: the paper's test 4, smaller, over all arms in one sweep. Five minutes, most of them emulation. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse, stringify } from "yaml";
import { InstallationHarness, parseSweep } from "#test/support/installation-harness";
import { requireNodeTree } from "#test/support/node-image";
import { requireVmDisk } from "#test/support/qemu-harness";
import { TempDir } from "#test/support/temp-dir";
import { Vcsim, writeTinyOva } from "#test/support/vcsim";

const PRESET = join(import.meta.dirname, "../../presets/paper/test-4.yaml");
const VM_HOST = `vms-${process.pid}`;
const dir = new TempDir();
let simulator: Vcsim;
let harness: InstallationHarness;

beforeAll(async () => {
  await Promise.all([requireNodeTree(), requireVmDisk(), writeTinyOva(dir.join("tiny.ova"))]);
  simulator = await Vcsim.start({ mode: "esx" });
  await simulator.makeTemplate("golden", dir.join("tiny.ova"));
  const esxi = { ...(await simulator.writeSettings(dir.join("password"))), template: "golden" };
  // Emulated machines stand still now and then where the processors are busy.
  const guards = { gap_ms: 20_000 };
  harness = await InstallationHarness.up({
    hosts: { guards, others: { esxi: { esxi }, [VM_HOST]: { qemu: { accel: "tcg" } } } },
  });
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  await simulator[Symbol.asyncDispose]();
  dir[Symbol.dispose]();
});

test("containers, native nodes, simulated and emulated VMs end VALID in one sweep, and one report compares them", async () => {
  const containers = harness.environment();
  const environments = {
    containers,
    native: { ...containers, provider: "process" },
    esxi: { ...containers, provider: "esxi", host: "esxi" },
    qemu: { ...containers, provider: "qemu", host: VM_HOST },
  };
  const spec = join(harness.home, "four-arms.yaml");
  writeFileSync(
    spec,
    stringify({ ...(parse(readFileSync(PRESET, "utf8")) as object), name: "four-arms", environments }),
  );
  const changes = ["nodes=2,4", "rate=6000", "duration=10s", "repetitions=1"].flatMap((change) => ["--set", change]);
  const sweep = parseSweep(await harness.expectExit(0, "run", spec, ...changes, "--json"));

  const ended = sweep.runs.map(
    ({ environment, nodes, isolation, status }) => `${environment} ${nodes} ${isolation} ${status}`,
  );
  expect(ended.toSorted()).toEqual([
    // Of a machine that is a VM itself, `container-in-vm`.
    expect.stringMatching(/^containers 2 container\S* VALID$/),
    expect.stringMatching(/^containers 4 container\S* VALID$/),
    "esxi 2 simulated VALID",
    "esxi 4 simulated VALID",
    "native 2 native VALID",
    "native 4 native VALID",
    "qemu 2 tcg VALID",
    "qemu 4 tcg VALID",
  ]);
  // The same tuples for as many nodes, whatever holds them.
  expect(new Set(sweep.runs.map(({ nodes, digest }) => `${nodes} ${digest}`)).size).toBe(2);

  const out = join(harness.home, "report");
  await harness.expectExit(0, "report", sweep.sweep_id, "--out", out);
  const report = readFileSync(join(out, "report.md"), "utf8");
  for (const arm of Object.keys(environments)) expect(report).toContain(`| ${arm} |`);
  for (const [arm, isolation] of [
    ["esxi", "simulated"],
    ["qemu", "tcg"],
  ] as const) {
    expect(report).toContain(`Isolation of ${arm} is ${isolation}: no conclusion about VMs`);
  }
});
