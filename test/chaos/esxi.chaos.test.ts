/** What goes wrong on a host, or between us and it: each ends as stated, and nothing of ours stays or is touched twice. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { EsxiProvider, EsxiProviderOptions } from "#activities/providers/esxi";
import { vmNameOf } from "#activities/providers/esxi-labels";
import type { RunSpec } from "#model/run";
import { ESXI_ENVIRONMENT, EsxiHarness } from "#test/support/esxi-harness";
import { newRunId, nodeSpecs } from "#test/support/provider-contract";
import { sampleRun } from "#test/support/sample-run";
import type { VcsimOptions } from "#test/support/vcsim";
import { VcsimProxy } from "#test/support/vcsim-proxy";

const NODES = 3;
const MODES = ["esx", "vcenter"] as const;
const DEADLINE_AT = new Date(Date.now() + 600_000).toISOString();
const { signal } = new AbortController();
const WRITE = /_Task$|^MakeDirectory$/;

/** Without containers: VMs get their addresses from the test. */
const start = (options: VcsimOptions) => EsxiHarness.start({ hasContainers: false, ...options });

/** For whatever needs no faults of the host's own. */
let esx: EsxiHarness;
beforeAll(async () => {
  esx = await start({ mode: "esx" });
});
afterAll(() => esx.close());

/** Soon at its end with what it repeats. */
const open = (harness: EsxiHarness, options: Partial<EsxiProviderOptions> = {}) =>
  harness.open({ retryPauseMs: 20, ...options });

/** A provider that reaches the host through a proxy. */
function openBehind(harness: EsxiHarness, proxy: VcsimProxy, timeoutMs = 30_000) {
  const tls = { thumbprint: proxy.thumbprint };
  return open(harness, { connect: { ...harness.vcsim.govcOptions, url: proxy.url, tls, timeoutMs } });
}

async function newRun(provider: EsxiProvider, nodes = NODES): Promise<RunSpec> {
  const environment = await provider.prepareEnvironment(ESXI_ENVIRONMENT);
  return sampleRun({ runId: newRunId(), point: { nodes }, environment });
}

async function provision(provider: EsxiProvider, run: RunSpec) {
  await provider.ensureRun(run, DEADLINE_AT, signal);
  const nodes = nodeSpecs(run).map((node) => provider.ensureNode(run, node, signal));
  await Promise.allSettled(nodes);
  return Promise.all(nodes);
}

const vmsOf = async ({ govc }: EsxiHarness, { runId }: RunSpec) =>
  (await govc.vm.list()).filter(({ name }) => name.startsWith(`${runId}-`));

/** As VMware Tools would, once a VM is on. */
async function bootGuests(harness: EsxiHarness, run: RunSpec, guests = run.point.nodes): Promise<void> {
  const withAddress = new Set<string>();
  await vi.waitFor(
    async () => {
      const on = (await vmsOf(harness, run)).filter(({ powerState }) => powerState === "poweredOn");
      for (const { ref, name } of on.filter((vm) => !withAddress.has(vm.name))) {
        const address = `198.18.9.${Number(name.split("-n").at(-1))}`;
        await harness.govc.vm.change(ref, { extraConfig: { "SET.guest.ipAddress": address } });
        withAddress.add(name);
      }
      expect(withAddress.size).toBe(guests);
    },
    { timeout: 60_000, interval: 200 },
  );
}

async function provisionWithGuests(harness: EsxiHarness, provider: EsxiProvider, run: RunSpec) {
  const [nodes] = await Promise.all([provision(provider, run), bootGuests(harness, run)]);
  return nodes;
}

/** Of a run: VMs, and folders and disks on the datastore. */
async function leftoversOf(harness: EsxiHarness, run: RunSpec): Promise<string[]> {
  const vms = (await vmsOf(harness, run)).map(({ name }) => `VM ${name}`);
  const [{ ref: datastore } = { ref: "Datastore:none" as const }] = await harness.govc.datastore.list();
  const files = (await harness.govc.datastore.ls({ datastore })).filter((name) => name.includes(run.runId));
  return [...vms, ...files];
}

/** As an operator at a terminal, who may use patterns. */
async function operator({ vcsim }: EsxiHarness, ...args: string[]): Promise<string> {
  const login = { GOVC_URL: vcsim.url, GOVC_USERNAME: vcsim.username, GOVC_PASSWORD: vcsim.password };
  const env = { ...login, GOVC_INSECURE: "true", GOVC_PERSIST_SESSION: "false" };
  return (await promisify(execFile)(vcsim.govc, args, { env })).stdout;
}

describe("F44: a host behind a proxy", () => {
  test("that has none for five calls is asked until it has", async () => {
    await using proxy = await VcsimProxy.open(esx.vcsim.url);
    const provider = openBehind(esx, proxy);
    proxy.plan = (_, number) => (number <= 5 ? "unavailable" : undefined);
    const run = await newRun(provider, 1);
    expect(await provisionWithGuests(esx, provider, run)).toHaveLength(1);
    expect(await provider.destroyRun(run.runId)).toBe(1);
    await provider.close();
  });

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
      await using harness = await start({ mode });
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
  await using harness = await start({ mode: "vcenter" });
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
  test("within a call is opened anew", async () => {
    const faults = [
      "PowerOnVM_Task=NotAuthenticated:1",
      "ReconfigVM_Task=NotAuthenticated:1:1",
      "Destroy_Task=NotAuthenticated:1",
    ];
    await using harness = await start({ mode: "esx", faults });
    const run = await newRun(harness.provider, 2);
    expect(await provisionWithGuests(harness, harness.provider, run)).toHaveLength(2);
    expect(await harness.provider.destroyRun(run.runId)).toBe(2);
    expect(await leftoversOf(harness, run)).toEqual([]);
  });

  test("again and again never counts as destroyed", async () => {
    await using harness = await start({ mode: "esx", faults: ["Destroy_Task=NotAuthenticated"] });
    const provider = open(harness);
    const run = await newRun(provider, 1);
    await provisionWithGuests(harness, provider, run);
    await expect(provider.destroyRun(run.runId)).rejects.toMatchObject({ kind: "esxi unavailable" });
    expect(await provider.listLabelled()).toMatchObject([{ runId: run.runId }]);
    await provider.close();
  });

  test("between calls goes unnoticed", async () => {
    await using harness = await start({ mode: "vcenter" });
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
    await using harness = await start({ mode: "esx" });
    const provider = open(harness, { connect: { ...harness.vcsim.govcOptions, timeoutMs: 300 } });
    const run = await newRun(harness.provider, 1);
    process.kill(harness.vcsim.pid, "SIGSTOP");
    await expect(provider.ensureRun(run, DEADLINE_AT, signal)).rejects.toMatchObject({ kind: "esxi unavailable" });
    process.kill(harness.vcsim.pid, "SIGKILL");
    await expect(provider.listLabelled()).rejects.toMatchObject({ kind: "esxi unavailable" });
    await provider.close();
  });
});

test("F47: a VM that never gets an address is told with its state, and goes", async () => {
  const provider = open(esx, { addressTiming: { limitMs: 300, firstPauseMs: 50, longestPauseMs: 100 } });
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

test("F49: a host with another certificate gets no call any more, and both thumbprints are told", async () => {
  await using proxy = await VcsimProxy.open(esx.vcsim.url);
  const provider = openBehind(esx, proxy);
  const run = await newRun(provider, 1);
  await provider.ensureRun(run, DEADLINE_AT, signal);
  const before = { thumbprint: proxy.thumbprint, calls: proxy.methods.length };
  await proxy.swapCertificate();
  await expect(provider.ensureNode(run, nodeSpecs(run)[0]!, signal)).rejects.toMatchObject({
    kind: "certificate changed",
    message: expect.stringMatching(new RegExp(`${before.thumbprint}.*${proxy.thumbprint}`)) as string,
  });
  expect(proxy.methods).toHaveLength(before.calls);
  await provider.close();
});

describe("B27: an account or a certificate that does not fit", () => {
  test("names the user, and the password nowhere", async () => {
    const provider = open(esx, { connect: { ...esx.vcsim.govcOptions, password: "canary-wrong" } });
    const failure: unknown = await provider.prepareEnvironment(ESXI_ENVIRONMENT).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      kind: "login refused",
      message: expect.stringContaining(`user ${esx.vcsim.username}`) as string,
    });
    expect(JSON.stringify([failure, String(failure)])).not.toContain("canary-wrong");
    await provider.close();
  });

  test("names the certificate that nobody vouches for", async () => {
    const { tls: _, ...connect } = esx.vcsim.govcOptions;
    const provider = open(esx, { connect });
    await expect(provider.prepareEnvironment(ESXI_ENVIRONMENT)).rejects.toMatchObject({
      kind: "certificate changed",
      message: expect.stringContaining(esx.vcsim.thumbprint) as string,
    });
    await provider.close();
  });
});

describe("B28: a template", () => {
  test("that is missing, a pattern or nearly so called is none", async () => {
    await esx.makeVm("golden-1");
    for (const template of ["golden", "golden-*", "golden-[1]", "GOLDEN-1"]) {
      const provider = open(esx, { template });
      await expect(provider.prepareEnvironment(ESXI_ENVIRONMENT)).rejects.toMatchObject({
        kind: "image",
        message: `template ${JSON.stringify(template)} is missing on host here`,
      });
      await provider.close();
    }
  });

  test("that runs is refused", async () => {
    const { ref } = await esx.makeVm("running");
    await esx.govc.vm.power(ref, "on");
    const provider = open(esx, { template: "running" });
    await expect(provider.prepareEnvironment(ESXI_ENVIRONMENT)).rejects.toMatchObject({
      kind: "image",
      message: expect.stringContaining("poweredOn") as string,
    });
    await provider.close();
  });

  test("without a snapshot is refused by a vCenter", async () => {
    await using harness = await start({ mode: "vcenter" });
    await harness.makeVm("golden");
    const provider = open(harness, { template: "golden" });
    await expect(provider.prepareEnvironment(ESXI_ENVIRONMENT)).rejects.toMatchObject({
      kind: "image",
      message: expect.stringContaining("no snapshot") as string,
    });
    await provider.close();
  });
});

describe("a host that refuses", () => {
  test.for([
    ["esx", "CreateVM_Task=NoDiskSpace", "capacity"],
    ["vcenter", "CloneVM_Task=NoDiskSpace", "capacity"],
    ["esx", "PowerOnVM_Task=InsufficientMemoryResourcesFault", "capacity"],
    ["esx", "CreateVM_Task=NoPermission", "login refused"],
    ["esx", "PowerOnVM_Task=RestrictedVersion", "licence read-only"],
  ] as const)("%s %s: is not asked again", async ([mode, fault, kind]) => {
    await using harness = await start({ mode, faults: [fault] });
    const run = await newRun(harness.provider, 1);
    await harness.provider.ensureRun(run, DEADLINE_AT, signal);
    const node = harness.provider.ensureNode(run, nodeSpecs(run)[0]!, signal);
    await expect(node).rejects.toMatchObject({ kind, particulars: { host: ESXI_ENVIRONMENT.host } });
    await harness.provider.destroyRun(run.runId);
    expect(await leftoversOf(harness, run)).toEqual([]);
  });

  test("every write, as a free licence makes it, says so before a run begins", async () => {
    await using harness = await start({ mode: "esx", faults: ["ReconfigVM_Task=RestrictedVersion:0:1"] });
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
    await using harness = await start({ mode: "esx", faults });
    const provider = open(harness);
    const run = await newRun(provider, 2);
    expect(await provisionWithGuests(harness, provider, run)).toHaveLength(2);
    expect(await provider.destroyRun(run.runId)).toBe(2);
    expect(await leftoversOf(harness, run)).toEqual([]);
    await provider.close();
  });

  test("the third VM of four keeps none of them", async () => {
    await using harness = await start({ mode: "esx", faults: ["CreateVM_Task=NoDiskSpace:1:2"] });
    const run = await newRun(harness.provider, 4);
    const [provisioned] = await Promise.allSettled([provision(harness.provider, run), bootGuests(harness, run, 3)]);
    expect(provisioned).toMatchObject({ status: "rejected", reason: { kind: "capacity" } });
    expect(await harness.provider.destroyRun(run.runId)).toBe(3);
    expect(await leftoversOf(harness, run)).toEqual([]);
    expect((await harness.template())?.powerState).toBe("poweredOff");
  });
});

test.for(MODES)("VMs of others on %s are left alone, however they are called", async (mode) => {
  await using harness = await start({ mode });
  const run = await newRun(harness.provider, 2);
  await harness.provider.ensureRun(run, DEADLINE_AT, signal);
  const name = vmNameOf(run.runId, 1);
  const similar = [`${name}0`, `x${name}`, `${name} `, name.toUpperCase()];
  const patterns = [`${run.runId}-n[12]`, `${run.runId}-n*`, `${run.runId}-n?`, "*"];
  for (const decoy of [...similar, ...patterns]) {
    await operator(harness, "vm.create", `-net=${harness.vcsim.network}`, "-m=64", "-on=true", "--", decoy);
  }
  const before = await harness.govc.vm.list();
  const provider = open(harness, { addressTiming: { limitMs: 200, firstPauseMs: 50, longestPauseMs: 100 } });
  await expect(provision(provider, run)).rejects.toMatchObject({ kind: "no address" });
  expect(await provider.destroyRun(run.runId)).toBe(2);
  expect(await harness.govc.vm.list()).toEqual(before);
  await provider.close();
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
