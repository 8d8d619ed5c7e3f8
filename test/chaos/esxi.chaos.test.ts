/** What goes wrong on a host, or between us and it: each ends as stated, and nothing of ours stays or is touched twice. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { vmNameOf } from "#activities/providers/esxi-labels";
import {
  bootGuests,
  DEADLINE_AT,
  leftoversOf,
  newRun,
  openBehind,
  openProvider,
  operator,
  provision,
  provisionWithGuests,
  runBesideOthers,
  signal,
  startHost,
  vmsOf,
} from "#test/chaos/support/simulated-host";
import { ESXI_ENVIRONMENT } from "#test/support/esxi-harness";
import type { EsxiHarness } from "#test/support/esxi-harness";
import { nodeSpecs } from "#test/support/provider-contract";
import { VcsimProxy } from "#test/support/vcsim-proxy";

const WRITE = /_Task$|^MakeDirectory$/;

/** For whatever needs no faults of the host's own. */
let esx: EsxiHarness;
beforeAll(async () => {
  esx = await startHost({ mode: "esx" });
});
afterAll(() => esx.close());

describe("F44: a host behind a proxy", () => {
  test("that has none any more ends the step, and what was made is found when it has again", async () => {
    await using proxy = await VcsimProxy.open(esx.vcsim.url);
    const provider = openBehind(esx, proxy);
    const run = await newRun(provider, 1);
    await provisionWithGuests(esx, provider, run);
    proxy.plan = () => "unavailable";
    await expect(provider.destroyRun(run.runId)).rejects.toMatchObject({
      kind: "esxi unavailable",
      particulars: { host: ESXI_ENVIRONMENT.host },
    });
    expect(await vmsOf(esx, run)).toHaveLength(1);
    proxy.plan = () => undefined;
    const labelled = (await provider.listLabelled()).filter(({ runId }) => runId === run.runId);
    expect(labelled).toMatchObject([{ kind: "vm", host: ESXI_ENVIRONMENT.host, node: 1 }]);
    expect(await provider.destroyRun(run.runId)).toBe(1);
    expect(await leftoversOf(esx, run)).toEqual([]);
    await provider.close();
  });

  test.for([
    ["esx", "cut"],
    ["vcenter", "cut"],
    ["esx", "unavailable"],
  ] as const)(
    "on %s that fails each kind of write twice (%s) makes one VM a node, and removes all",
    async ([mode, fault]) => {
      await using harness = await startHost({ mode });
      await using proxy = await VcsimProxy.open(harness.vcsim.url);
      const provider = openBehind(harness, proxy);
      const failures = new Map<string, number>();
      proxy.plan = (method) => {
        const before = failures.get(method) ?? 0;
        if (!WRITE.test(method) || before === 2) return undefined;
        failures.set(method, before + 1);
        return fault;
      };
      const run = await newRun(harness.provider);
      // Not through the proxy: a host takes the disk under its own address.
      await harness.provider.ensureRun(run, DEADLINE_AT, signal);
      const nodes = await provisionWithGuests(harness, provider, run);
      expect((await vmsOf(harness, run)).map(({ name }) => name).toSorted()).toEqual(nodes.map(({ name }) => name));
      await provider.destroyRun(run.runId);
      expect([...failures.keys()]).toEqual(
        expect.arrayContaining(["PowerOnVM_Task", "ReconfigVM_Task", "PowerOffVM_Task", "Destroy_Task"]),
      );
      expect(await leftoversOf(harness, run)).toEqual([]);
      expect((await harness.template())?.powerState).toBe("poweredOff");
      await provider.close();
    },
  );
});

test("a clone that was cut off before it had its labels is removed, and one of somebody else's is not", async () => {
  await using harness = await startHost({ mode: "vcenter" });
  await using proxy = await VcsimProxy.open(harness.vcsim.url);
  const run = await newRun(harness.provider, 2);
  await harness.provider.ensureRun(run, DEADLINE_AT, signal);
  const foreign = await harness.makeForeign(vmNameOf(run.runId, 2));
  // Neither an answer to the clone, nor a host for whatever follows.
  const provider = openBehind(harness, proxy);
  let isCut = false;
  proxy.plan = (method) => {
    if (isCut) return "unavailable";
    isCut = method === "CloneVM_Task";
    return isCut ? "cut" : undefined;
  };
  await expect(provider.ensureNode(run, nodeSpecs(run)[0]!, signal)).rejects.toMatchObject({
    kind: "esxi unavailable",
  });
  expect(await vmsOf(harness, run)).toHaveLength(2);
  expect(await harness.provider.destroyRun(run.runId)).toBe(1);
  expect(await foreign.exists()).toBe(true);
  await provider.close();
});

describe("F45: a session that ends", () => {
  test("again and again never counts as destroyed", async () => {
    await using harness = await startHost({ mode: "esx", faults: ["Destroy_Task=NotAuthenticated"] });
    const provider = openProvider(harness);
    const run = await newRun(provider, 1);
    await provisionWithGuests(harness, provider, run);
    await expect(provider.destroyRun(run.runId)).rejects.toMatchObject({ kind: "esxi unavailable" });
    expect(await provider.listLabelled()).toMatchObject([{ runId: run.runId }]);
    await provider.close();
  });

  test("between calls goes unnoticed", async () => {
    await using harness = await startHost({ mode: "vcenter" });
    const run = await newRun(harness.provider, 1);
    await provisionWithGuests(harness, harness.provider, run);
    const { sessionList } = JSON.parse(await operator(harness, "session.ls", "-json")) as {
      sessionList: { key: string }[];
    };
    for (const { key } of sessionList) await operator(harness, "session.rm", key).catch(() => "its own");
    expect(await harness.provider.destroyRun(run.runId)).toBe(1);
  });
});

describe("F46: a host that stands still or dies within a call", () => {
  test.for(["CreateVM_Task", "PowerOnVM_Task", "Destroy_Task"])(
    "%s: is looked at again, and does it once",
    async (method) => {
      await using proxy = await VcsimProxy.open(esx.vcsim.url);
      const run = await newRun(esx.provider, 1);
      await esx.provider.ensureRun(run, DEADLINE_AT, signal);
      const provider = openBehind(esx, proxy, 1500);
      let asked = 0;
      proxy.plan = (now) => (now === method && asked++ === 0 ? "stall" : undefined);
      expect(await provisionWithGuests(esx, provider, run)).toHaveLength(1);
      expect(await vmsOf(esx, run)).toHaveLength(1);
      expect(await provider.destroyRun(run.runId)).toBe(1);
      expect(asked).toBeGreaterThan(1);
      expect(await leftoversOf(esx, run)).toEqual([]);
      await provider.close();
    },
  );

  test("is told within the time limit of a call and its repetitions", async () => {
    await using harness = await startHost({ mode: "esx" });
    const provider = openProvider(harness, { connect: { ...harness.vcsim.govcOptions, timeoutMs: 300 } });
    const run = await newRun(harness.provider, 1);
    process.kill(harness.vcsim.pid, "SIGSTOP");
    await expect(provider.ensureRun(run, DEADLINE_AT, signal)).rejects.toMatchObject({ kind: "esxi unavailable" });
    process.kill(harness.vcsim.pid, "SIGKILL");
    await expect(provider.listLabelled()).rejects.toMatchObject({ kind: "esxi unavailable" });
    await provider.close();
  });
});

test("F47: a VM that never gets an address is told with its state, and goes", async () => {
  const provider = openProvider(esx, { addressTiming: { limitMs: 300, firstPauseMs: 50, longestPauseMs: 100 } });
  const run = await newRun(provider, 1);
  const state = String.raw`VM ${vmNameOf(run.runId, 1)}, poweredOn, VMware Tools: \w+`;
  await expect(provision(provider, run)).rejects.toMatchObject({
    kind: "no address",
    message: expect.stringMatching(new RegExp(String.raw`within \d+ s: ${state}`)) as string,
    particulars: { node: 1, host: ESXI_ENVIRONMENT.host },
  });
  expect(await provider.destroyRun(run.runId)).toBe(1);
  expect(await leftoversOf(esx, run)).toEqual([]);
  await provider.close();
});

describe("a host that refuses", () => {
  test.for([
    ["esx", "CreateVM_Task=NoDiskSpace", "capacity"],
    ["vcenter", "CloneVM_Task=NoDiskSpace", "capacity"],
    ["esx", "PowerOnVM_Task=InsufficientMemoryResourcesFault", "capacity"],
    ["esx", "CreateVM_Task=NoPermission", "login refused"],
    ["esx", "PowerOnVM_Task=RestrictedVersion", "licence read-only"],
  ] as const)("%s %s: is not asked again", async ([mode, fault, kind]) => {
    await using harness = await startHost({ mode, faults: [fault] });
    const run = await newRun(harness.provider, 1);
    await harness.provider.ensureRun(run, DEADLINE_AT, signal);
    const node = harness.provider.ensureNode(run, nodeSpecs(run)[0]!, signal);
    await expect(node).rejects.toMatchObject({ kind, particulars: { host: ESXI_ENVIRONMENT.host } });
    await harness.provider.destroyRun(run.runId);
    expect(await leftoversOf(harness, run)).toEqual([]);
  });

  test("every write, as a free licence makes it, says so before a run begins", async () => {
    await using harness = await startHost({ mode: "esx", faults: ["ReconfigVM_Task=RestrictedVersion:0:1"] });
    const run = await newRun(harness.provider, 1);
    await harness.provider.ensureRun(run, DEADLINE_AT, signal);
    await expect(harness.provider.prepareEnvironment(ESXI_ENVIRONMENT)).rejects.toMatchObject({
      kind: "licence read-only",
    });
  });

  test("for a moment is asked again", async () => {
    const faults = [
      "CreateVM_Task=ResourceInUse:2",
      "PowerOnVM_Task=TaskInProgress:2",
      "PowerOffVM_Task=InvalidPowerState:1",
      "Destroy_Task=ResourceInUse:2",
    ];
    await using harness = await startHost({ mode: "esx", faults });
    const provider = openProvider(harness);
    const run = await newRun(provider, 2);
    expect(await provisionWithGuests(harness, provider, run)).toHaveLength(2);
    expect(await provider.destroyRun(run.runId)).toBe(2);
    expect(await leftoversOf(harness, run)).toEqual([]);
    await provider.close();
  });

  test("the third VM of four keeps none of them", async () => {
    await using harness = await startHost({ mode: "esx", faults: ["CreateVM_Task=NoDiskSpace:1:2"] });
    const run = await newRun(harness.provider, 4);
    const [provisioned] = await Promise.allSettled([provision(harness.provider, run), bootGuests(harness, run, 3)]);
    expect(provisioned).toMatchObject({ status: "rejected", reason: { kind: "capacity" } });
    expect(await harness.provider.destroyRun(run.runId)).toBe(3);
    expect(await leftoversOf(harness, run)).toEqual([]);
    expect((await harness.template())?.powerState).toBe("poweredOff");
  });
});

test("VMs of others on a vCenter are left alone, however they are called", async () => {
  const { before, after } = await runBesideOthers("vcenter");
  expect(after).toEqual(before);
});

test("a standalone host is never asked to clone", async () => {
  await using proxy = await VcsimProxy.open(esx.vcsim.url);
  const provider = openBehind(esx, proxy);
  const run = await newRun(provider, 1);
  await provisionWithGuests(esx, provider, run);
  await provider.destroyRun(run.runId);
  expect(proxy.methods).toContain("CreateVM_Task");
  expect(proxy.methods.filter((method) => /Clone|MarkAsTemplate/.test(method))).toEqual([]);
  await provider.close();
});
