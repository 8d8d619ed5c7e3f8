/** What the provider asks of a host, and tells its VMs. */

import { existsSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { templateNameOf } from "#activities/providers/esxi-template";
import { labelsOf } from "#activities/providers/labels";
import { VM_CONFIG, VM_ENV } from "#model/node-protocol";
import type { RunSpec } from "#model/run";
import type { Environment } from "#model/spec";
import { extraConfigOf, FakeEsxi } from "#test/support/fake-esxi";
import { nodeSpecs } from "#test/support/provider-contract";
import { sampleRun } from "#test/support/sample-run";

const { signal } = new AbortController();
const DEADLINE_AT = new Date(Date.now() + 600_000).toISOString();
const RUN_ID = "sample-p1-r1-a1";
const LABELS = labelsOf({ runId: RUN_ID, host: "here", deadlineAt: DEADLINE_AT, nodeIndex: 1 });
const ENVIRONMENT: Environment = { name: "vms", provider: "esxi", host: "here", cpus: 1, memoryMib: 256 };
const VM = {
  name: `${RUN_ID}-n1`,
  "config.files.vmPathName": "[ds1] sample/sample.vmx",
  "guest.ipAddress": "198.18.9.1",
  ...extraConfigOf(LABELS),
};
/** Of the operator's making. */
const TEMPLATE = { name: "golden", "config.instanceUuid": "of the golden one" };
const DISKS = `echo '{"devices":[{"name":"d","type":"VirtualDisk","backing":{"fileName":"[ds1] golden/d.vmdk"}}]}'`;

test("a host that had no answer for a moment is asked again, whatever it was asked for", async () => {
  using host = new FakeEsxi({
    vms: { "VirtualMachine:1": VM },
    answers: {
      "device.info": `echo '{"devices":[]}'`,
      "datastore.ls": `echo '[{"file":[{"path":"sample.vmdk"}]}]'`,
      "vm.destroy": `: > "$STATE/VirtualMachine"`,
    },
  });
  const provider = host.open();
  host.failNext("Datastore");
  expect(await provider.destroyRun(RUN_ID)).toBe(1);
  const removal = host.govc.calls().find(({ args }) => args[0] === "datastore.rm");
  expect(removal?.args).toContain("sample/sample.vmdk");
  await provider.close();
});

async function isolationOf(options: ConstructorParameters<typeof FakeEsxi>[0] & object): Promise<string> {
  using host = new FakeEsxi({ ...options, vms: { "VirtualMachine:2": TEMPLATE, ...options.vms } });
  const provider = host.open({ template: "golden" });
  const { isolation } = await provider.prepareEnvironment(ENVIRONMENT);
  await provider.close();
  return isolation;
}

describe("a simulator", () => {
  test("is known by what it says of itself, before it has any VM", async () => {
    expect(await isolationOf({})).toBe("esxi");
    for (const about of [{ fullName: "VMware ESXi 6.5.0 (govmomi simulator)" }, { osType: "darwin-arm64" }]) {
      expect(await isolationOf({ about })).toBe("simulated");
    }
    const hardware = { vendor: "VMware, Inc. (govmomi simulator)", cpuModel: "", numCpuThreads: 2, memorySize: 4e9 };
    expect(await isolationOf({ hosts: { "HostSystem:h1": { "summary.hardware": hardware } } })).toBe("simulated");
  });

  test("that is known by its first VM only has none of a run that was planned for a real host", async () => {
    const simulated = { "config.extraConfig": [{ key: "govcsim", value: "TRUE" }] };
    const refused = { kind: "esxi refused", message: expect.stringContaining("a simulator") as string };
    using host = new FakeEsxi({
      vms: { "VirtualMachine:1": VM, "VirtualMachine:2": TEMPLATE },
      answers: { "device.info": DISKS },
    });
    const provider = host.open({ template: "golden" });
    const run = sampleRun({ environment: await provider.prepareEnvironment(ENVIRONMENT) });
    await provider.ensureRun(run, DEADLINE_AT, signal);
    const labels = extraConfigOf({ ...LABELS, govcsim: "TRUE" });
    host.has("VirtualMachine", {
      "VirtualMachine:1": { ...VM, ...labels, "runtime.powerState": "poweredOff" },
      "VirtualMachine:2": { ...TEMPLATE, ...simulated, "runtime.powerState": "poweredOff" },
    });
    await expect(provider.ensureNode(run, nodeSpecs(run)[0]!, signal)).rejects.toMatchObject(refused);
    expect(host.govc.commands()).not.toContain("vm.power");
    await expect(provider.ensureRun(run, DEADLINE_AT, signal)).rejects.toMatchObject(refused);
    await provider.close();
  });
});

/** On a host with 7 GiB free, unless it is said otherwise. */
async function roomFor(run: RunSpec, options: ConstructorParameters<typeof FakeEsxi>[0] & object = {}) {
  using host = new FakeEsxi({
    answers: { "device.info": DISKS },
    ...options,
    vms: { "VirtualMachine:2": TEMPLATE, ...options.vms },
  });
  const provider = host.open({ template: "golden" });
  const { imageDigest } = await provider.prepareEnvironment(ENVIRONMENT);
  await provider.ensureRun({ ...run, environment: { ...run.environment, imageDigest } }, DEADLINE_AT, signal);
  await provider.close();
}

const refusedBy = (what: string) => ({ kind: "capacity", message: expect.stringContaining(what) as string });

describe("room", () => {
  const GIB = 1024;
  const sized = (nodes: number, more: object = {}) => sampleRun({ point: { nodes, memoryMib: GIB }, ...more });

  test("is what is free on hosts that VMs can be on", async () => {
    await roomFor(sized(7));
    await expect(roomFor(sized(8))).rejects.toMatchObject(refusedBy("8192 MiB together, the host has 7168 MiB free"));
    const hosts = {
      "HostSystem:h1": {},
      "HostSystem:h2": { "runtime.inMaintenanceMode": true },
      "HostSystem:h3": { parent: { type: "ClusterComputeResource", value: "another" } },
    };
    await expect(roomFor(sized(8), { hosts })).rejects.toMatchObject(refusedBy("the host has 7168 MiB free"));
    await roomFor(sized(8), { hosts: { "HostSystem:h1": {}, "HostSystem:h2": {} } });
  });

  test("is not asked for twice by VMs that are on", async () => {
    const vms = { "VirtualMachine:1": { ...VM, "runtime.powerState": "poweredOn" } };
    expect(await roomFor(sized(8), { vms })).toBeUndefined();
  });

  test("is on the datastore, too", async () => {
    const datastore = { freeSpace: 3 * 1024 ** 3 };
    await roomFor(sized(3), { datastore });
    await expect(roomFor(sized(4), { datastore })).rejects.toMatchObject(refusedBy("the datastore ds1 has 3072 MiB"));
  });
});

const IMAGE = `sha256:${"1".repeat(64)}`;
const SOURCE = {
  currentId: () => Promise.resolve(IMAGE),
  find: () =>
    Promise.resolve({ id: IMAGE, content: "", kernel: "", database: "", node: "", protocol: "", dir: "/disk" }),
};

/** A host where an import of the image to that datastore is unfinished. */
const importingHost = (datastoreUrl: string, deadlineAt: string, destroy = "") => {
  const annotation = `meshbench import of ${IMAGE} to ${datastoreUrl} until ${deadlineAt}`;
  return new FakeEsxi({
    vms: { "VirtualMachine:7": { name: templateNameOf(IMAGE), "config.annotation": annotation } },
    answers: {
      "vm.destroy": `${destroy}\n: > "$STATE/VirtualMachine"`,
      "import.ova": `: > "$STATE/importing"\nsleep 1000`,
    },
  });
};

describe("an import", () => {
  const OURS = "ds:///vmfs/volumes/1/";
  const THEIRS = "ds:///vmfs/volumes/2/";
  const LONG_AGO = "2020-01-01T00:00:00.000Z";
  const run = sampleRun({ environment: { imageDigest: IMAGE } });

  test("of somebody else's, to another datastore of the vCenter, is waited for", async () => {
    using host = importingHost(THEIRS, DEADLINE_AT);
    const provider = host.open({ source: SOURCE });
    await expect(provider.ensureRun(run, DEADLINE_AT, signal)).rejects.toMatchObject({
      kind: "esxi unavailable",
      message: expect.stringContaining(`somebody else imports template ${templateNameOf(IMAGE)}`) as string,
    });
    expect(host.govc.commands()).not.toContain("vm.destroy");
    await provider.close();
  });

  const RESTING = `mkdir "$STATE/rested" 2>/dev/null && { echo '<Fault _XMLSchema-instance:type="InvalidState">' >&2; exit 1; }`;
  test.for([
    ["that nobody can be at any more", THEIRS, LONG_AGO, ""],
    ["of an earlier attempt", OURS, DEADLINE_AT, ""],
    ["that its host still holds on to", OURS, DEADLINE_AT, RESTING],
  ] as const)("%s is replaced, and called off when the run is", async ([, url, deadlineAt, destroy]) => {
    using host = importingHost(url, deadlineAt, destroy);
    const provider = host.open({ source: SOURCE });
    const cancellation = new AbortController();
    const ensured = provider.ensureRun(run, DEADLINE_AT, cancellation.signal);
    await vi.waitFor(() => expect(existsSync(join(host.govc.state, "importing"))).toBe(true), 10_000);
    const destroyed = host.govc.calls().find(({ args }) => args[0] === "vm.destroy");
    expect(destroyed?.args).toContain("VirtualMachine:7");
    cancellation.abort(new Error("cancelled by the test"));
    await expect(ensured).rejects.toThrow("cancelled by the test");
    await provider.close();
  });
});

/** What a VM has in guestinfo when it is switched on. */
async function configOf(point: Partial<RunSpec["point"]>): Promise<string[]> {
  using host = new FakeEsxi({
    vms: { "VirtualMachine:1": VM, "VirtualMachine:2": TEMPLATE },
    answers: { "device.info": DISKS },
  });
  const provider = host.open({ template: "golden" });
  const run = sampleRun({ point, environment: await provider.prepareEnvironment(ENVIRONMENT) });
  await provider.ensureNode(run, nodeSpecs(run)[0]!, signal);
  await provider.close();
  const key = `-e=${VM_CONFIG.guestinfoKey}=`;
  const told = host.govc.calls().flatMap(({ args }) => args.filter((argument) => argument.startsWith(key)));
  return Buffer.from(told[0]!.slice(key.length), "base64").toString().split("\n");
}

const hostsOf = (lines: string[]) => lines.find((line) => line.startsWith(`${VM_ENV.hosts}=`));

describe("a VM is told", () => {
  test("who the worker is where databases look their clients up", async () => {
    expect(hostsOf(await configOf({ resolve: "addresses" }))).toBeUndefined();
    const addresses = Object.values(networkInterfaces()).flatMap((all = []) => all);
    const own = addresses.filter(({ family, internal }) => family === "IPv4" && !internal);
    const names = own.map(({ address }, position) => `${address}=worker-${position + 1}`);
    expect(names).not.toEqual([]);
    expect(hostsOf(await configOf({ resolve: "reverse" }))).toBe(`${VM_ENV.hosts}=${names.join(",")}`);
  });
});

test("a machine without govc lacks part of its engine, which doctor names", async () => {
  using host = new FakeEsxi();
  const provider = host.open({ connect: { ...host.govc.connectOptions, govc: "/nowhere/govc" } });
  await expect(provider.prepareEnvironment(ENVIRONMENT)).rejects.toMatchObject({ kind: "engine unavailable" });
  await provider.close();
});
