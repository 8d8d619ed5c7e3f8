import { connect } from "node:net";
import { availableParallelism } from "node:os";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openMysqlNodeDatabase } from "#activities/database/mysql-node-database";
import { probeKvm } from "#activities/providers/qemu-accelerator";
import { NODE_EXIT } from "#model/node-protocol";
import type { NodeHandle } from "#model/run";
import { describeProviderContract, HOST_SECRET, newRunId, nodeSpecs } from "#test/support/provider-contract";
import { openQemuHarness, QEMU_ENVIRONMENT, requireVmDisk, VmHost } from "#test/support/qemu-harness";
import { sampleRun } from "#test/support/sample-run";

describeProviderContract("qemu", openQemuHarness);

describe("qemu", () => {
  const { signal } = new AbortController();
  /** Emulated on a machine that others use, too. */
  const BOOT = { timeout: 120_000, interval: 200 };
  let host: VmHost;
  const runIds: string[] = [];

  beforeAll(async () => {
    await requireVmDisk();
    host = new VmHost();
  });
  afterEach(async () => {
    for (const runId of runIds.splice(0)) await host.openProvider().destroyRun(runId);
  });
  afterAll(() => host[Symbol.dispose]());

  test("boots a kernel of its own to an answering database and nothing else, and powers off at its deadline", async () => {
    const provider = host.openProvider();
    const environment = await provider.prepareEnvironment(QEMU_ENVIRONMENT);
    expect(environment).toMatchObject({ isolation: "tcg", facts: { kernel: (await requireVmDisk()).kernel } });
    const run = sampleRun({ runId: newRunId(), environment });
    runIds.push(run.runId);
    const [first, second] = nodeSpecs(run);
    await provider.ensureRun(run, first!.deadlineAt, signal);
    const soon = new Date(Date.now() + 5000).toISOString();
    const node = await provider.ensureNode(run, first!, signal);
    const shortLived = await provider.ensureNode(run, { ...second!, deadlineAt: soon }, signal);

    const database = openMysqlNodeDatabase(HOST_SECRET)(run.runId);
    await expect.poll(() => database.answers(node), BOOT).toBe(true);
    await database.close();
    expect(await refuses(node, 22)).toBe(true);
    await expect
      .poll(() => provider.inspectNodes(run, [node, shortLived]), BOOT)
      .toEqual([{ state: "running" }, { state: "exited", exitCode: NODE_EXIT.deadline, outOfMemory: false }]);
    expect(await provider.readLogs(run.runId, 2)).toContain("deadline");
  });

  test("starts more machines than there are processors from one that has booted before, each as itself", async () => {
    const provider = host.openProvider();
    const nodes = availableParallelism() + 1;
    const environment = await provider.prepareEnvironment(QEMU_ENVIRONMENT);
    const run = sampleRun({ runId: newRunId(), environment, point: { nodes } });
    runIds.push(run.runId);
    const specs = nodeSpecs(run);
    await provider.ensureRun(run, specs[0]!.deadlineAt, signal);
    const handles = await Promise.all(specs.map((spec) => provider.ensureNode(run, spec, signal)));
    for (const handle of handles) expect(await host.commandOf(handle)).toContain("-incoming");

    const database = openMysqlNodeDatabase(HOST_SECRET)(run.runId);
    const answering = async () => (await Promise.all(handles.map((node) => database.answers(node)))).every(Boolean);
    await expect.poll(answering, BOOT).toBe(true);
    await database.close();
    // Their clocks stood still while they were frozen.
    for (const { index } of handles) {
      const startedAt = firstTimeIn(await provider.readLogs(run.runId, index));
      expect(Math.abs(startedAt - Date.now())).toBeLessThan(60_000);
    }
  });

  test("finds out that KVM does not work, and why", async () => {
    expect(await probeKvm(await requireVmDisk(), { device: "/dev/no-kvm" })).toBe("/dev/no-kvm: ENOENT");
    const tooSoon = await probeKvm(await requireVmDisk(), { device: "/dev/null", limitMs: 1 });
    expect(tooSoon).toBe("a guest did not boot within 0.001 s");
    const provider = host.openProvider({ accelerator: "auto", whyNoKvm: async () => "a guest did not boot" });
    const { isolation, facts } = await provider.prepareEnvironment(QEMU_ENVIRONMENT);
    expect({ isolation, accelerator: facts["accelerator"] }).toEqual({
      isolation: "tcg",
      accelerator: "tcg (no KVM: a guest did not boot)",
    });
    const demanding = host.openProvider({ accelerator: "kvm", whyNoKvm: async () => "a guest did not boot" });
    await expect(demanding.prepareEnvironment(QEMU_ENVIRONMENT)).rejects.toMatchObject({
      kind: "engine unavailable",
      message: expect.stringContaining("a guest did not boot"),
    });
  });
});

/** As the database writes it, in a machine without a time zone. @returns Milliseconds since 1970. */
function firstTimeIn(log: string): number {
  const [, day = "", hour = "", rest = ""] = /^(\d{4}-\d\d-\d\d) +(\d+)(:\d\d:\d\d) /m.exec(log) ?? [];
  return Date.parse(`${day}T${hour.padStart(2, "0")}${rest}Z`);
}

function refuses({ address }: NodeHandle, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", () => resolve(true));
  });
}
