/** govc itself, against simulated hosts. */

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, test, vi } from "vitest";
import { Govc } from "#govc-wrapper";
import type { DatastoreRef, NetworkRef, NewVm, PoolRef, VmInfo, VmRef } from "#govc-wrapper";
import { TempDir } from "#test/support/temp-dir";
import { Vcsim, writeTinyOva } from "#test/support/vcsim";
import type { VcsimOptions } from "#test/support/vcsim";
import { VcsimProxy } from "#test/support/vcsim-proxy";

const MODES = ["esx", "vcenter"] as const;

const start = (options: VcsimOptions) => Vcsim.start({ hasContainers: false, ...options });

/** As an operator at a terminal, who may use patterns. */
async function operator(vcsim: Vcsim, ...args: string[]): Promise<string> {
  const env = { GOVC_URL: vcsim.url, GOVC_USERNAME: vcsim.username, GOVC_PASSWORD: vcsim.password };
  const session = { GOVC_INSECURE: "true", GOVC_PERSIST_SESSION: "false", GOVC_INDENT: "false" };
  return (await promisify(execFile)(vcsim.govc, args, { env: { ...env, ...session } })).stdout;
}

function named<Ref>(all: readonly { name: string; ref: Ref }[], name: string): Ref {
  const found = all.find((one) => one.name === name);
  if (!found) throw new Error(`there is no ${name}`);
  return found.ref;
}

async function placeOf(vcsim: Vcsim, govc: Govc) {
  const datastore: DatastoreRef = named(await govc.datastore.list(), vcsim.datastore);
  const network: NetworkRef = named(await govc.inventory.networks(), vcsim.network);
  const pool: PoolRef = named(await govc.inventory.pools(), "Resources");
  return { datastore, network, pool };
}

async function newVm(vcsim: Vcsim, govc: Govc, name: string, more: Partial<NewVm> = {}): Promise<VmInfo> {
  const size = { cpus: 2, memoryMib: 256, guestId: "debian11_64Guest" };
  const hardware = { networkAdapter: "vmxnet3", diskController: "pvscsi", firmware: "efi" } as const;
  await govc.vm.create({ name, ...size, ...hardware, ...(await placeOf(vcsim, govc)), ...more });
  const vm = await govc.vm.find(name);
  if (!vm) throw new Error(`no VM ${name}`);
  return vm;
}

const powerOf = async (govc: Govc, vm: VmRef) => (await govc.vm.info(vm)).powerState;

describe.for(MODES)("on a simulated %s", (mode) => {
  test("a VM is made, told things, switched, found at its address and removed with its files", async () => {
    await using vcsim = await start({ mode });
    await using govc = await vcsim.openGovc();
    const { ref, ...made } = await newVm(vcsim, govc, "n1");
    expect(made).toMatchObject({ name: "n1", cpus: 2, memoryMib: 256, powerState: "poweredOff", addresses: [] });
    const extraConfig = { "meshbench.run": "a=b; $(id)", "guestinfo.userdata": "x".repeat(20_000) };
    await govc.vm.change(ref, { extraConfig, memoryMib: 512 });
    expect(await govc.vm.info(ref)).toMatchObject({ extraConfig, memoryMib: 512 });

    await govc.vm.power(ref, "on");
    await expect(govc.vm.power(ref, "on")).rejects.toMatchObject({ kind: "wrong state", fault: "InvalidPowerState" });
    expect(await govc.vm.ip(ref, { waitSec: 1 })).toBeUndefined();
    await govc.vm.change(ref, { extraConfig: { "SET.guest.ipAddress": "198.18.9.9" } });
    expect(await govc.vm.ip(ref, { waitSec: 5 })).toBe("198.18.9.9");

    const { datastore } = await placeOf(vcsim, govc);
    expect(await govc.datastore.ls({ datastore })).toContain("n1");
    await govc.vm.destroy(ref);
    await expect(govc.vm.destroy(ref)).rejects.toMatchObject({ kind: "not found" });
    await expect(govc.vm.info(ref)).rejects.toMatchObject({ kind: "not found" });
    expect(await govc.datastore.ls({ datastore })).not.toContain("n1");
  });

  test("a name that is a pattern means this VM alone, and no VM stands in for it", async () => {
    await using vcsim = await start({ mode });
    await using govc = await vcsim.openGovc();
    const { network } = vcsim;
    for (const name of ["x-a", "x-b", "x-[ab]", "x-*", "X-A"]) {
      await operator(vcsim, "vm.create", `-net=${network}`, "-on=false", "-m=64", "--", name);
    }
    const pattern = await govc.vm.find("x-[ab]");
    expect(pattern?.name).toBe("x-[ab]");
    await govc.vm.power(pattern!.ref, "on");
    await govc.vm.destroy(pattern!.ref);
    expect(await govc.vm.find("x-[ab]")).toBeUndefined();
    const left = new Map((await govc.vm.list()).map(({ name, powerState }) => [name, powerState]));
    expect(left).toEqual(new Map(["x-a", "x-b", "x-*", "X-A"].map((name) => [name, "poweredOff"])));
  });

  test("an appliance is imported, and its disk is the parent of a new VM's", async () => {
    using dir = new TempDir();
    await using vcsim = await start({ mode });
    await using govc = await vcsim.openGovc();
    const file = dir.join("tiny.ova");
    await writeTinyOva(file);
    const { datastore, pool, network } = await placeOf(vcsim, govc);
    await govc.import.ova({ file, name: "template", datastore, pool, networks: { nodes: network } });
    const template = await govc.vm.find("template");
    const [disk] = await govc.device.disks(template!.ref);
    const path = disk!.file.replace(/^\[[^\]]*\] /, "");
    const child = await newVm(vcsim, govc, "n1", { disk: { datastore, path, isLinked: true } });
    const [childDisk] = await govc.device.disks(child.ref);
    expect(childDisk).toMatchObject({ parentFile: disk!.file });

    await govc.device.remove(child.ref, childDisk!.name, { keepFile: true });
    await govc.vm.destroy(child.ref);
    expect((await govc.device.disks(template!.ref))[0]?.file).toBe(disk!.file);
  });

  test("files come, are read and go", async () => {
    using dir = new TempDir();
    await using vcsim = await start({ mode });
    await using govc = await vcsim.openGovc();
    const { datastore } = await placeOf(vcsim, govc);
    const file = dir.join("log");
    writeFileSync(file, "first\nlast\n");
    await govc.datastore.mkdir({ datastore, path: "a/b" });
    await govc.datastore.mkdir({ datastore, path: "a/b" });
    await govc.datastore.upload(file, { datastore, path: "a/b/log" });
    await govc.datastore.cp({ datastore, path: "a/b/log" }, { datastore, path: "a/copy" });
    expect(await govc.datastore.ls({ datastore, path: "a" })).toEqual(["b", "copy"]);
    expect(await govc.datastore.tail({ datastore, path: "a/copy" }, { maxBytes: 5 })).toBe("last\n");
    await govc.datastore.rm({ datastore, path: "a" });
    await expect(govc.datastore.ls({ datastore, path: "a" })).rejects.toMatchObject({ kind: "not found" });
  });

  test("a session that was ended is opened anew", async () => {
    await using vcsim = await start({ mode });
    await using govc = await vcsim.openGovc();
    await govc.vm.list();
    const sessions = JSON.parse(await operator(vcsim, "session.ls", "-json")) as {
      sessionList: { key: string }[];
      currentSession: { key: string };
    };
    const others = sessions.sessionList.filter(({ key }) => key !== sessions.currentSession.key);
    expect(others).not.toEqual([]);
    for (const { key } of others) await operator(vcsim, "session.rm", key);
    expect(await Promise.all([govc.vm.list(), govc.vm.list(), govc.about()])).toMatchObject([[], [], {}]);
  });

  test("no session is left when the connection is closed", async () => {
    await using vcsim = await start({ mode });
    const govc = await vcsim.openGovc();
    await govc.vm.list();
    await govc.close();
    const { sessionList } = JSON.parse(await operator(vcsim, "session.ls", "-json")) as { sessionList: unknown[] };
    expect(sessionList).toHaveLength(1);
  });

  test("a wrong password, another certificate and an unknown authority are three things", async () => {
    await using vcsim = await start({ mode });
    const failureOf = async (change: object) => {
      await using govc = await Govc.open({ ...vcsim.govcOptions, ...change });
      return await govc.vm.list().catch((error: unknown) => error);
    };
    expect(await failureOf({ password: "canary-wrong" })).toMatchObject({
      kind: "login refused",
      fault: "InvalidLogin",
      message: expect.stringContaining(
        `about: login refused: Login failure (InvalidLogin), user ${vcsim.username};`,
      ) as string,
    });
    const other = Array.from({ length: 32 }, () => "AB").join(":");
    expect(await failureOf({ tls: { thumbprint: other } })).toMatchObject({
      kind: "certificate changed",
      message: expect.stringMatching(new RegExp(`${other}.*${vcsim.thumbprint}`)) as string,
    });
    expect(await failureOf({ tls: undefined })).toMatchObject({
      kind: "certificate untrusted",
      message: expect.stringContaining(vcsim.thumbprint) as string,
    });
  });
});

test("an appliance is imported to a port group with a slash in its name", async () => {
  using dir = new TempDir();
  await using vcsim = await start({ mode: "esx" });
  await using govc = await vcsim.openGovc();
  await operator(vcsim, "host.portgroup.add", "-vswitch=vSwitch0", "lab/10");
  const file = dir.join("tiny.ova");
  await writeTinyOva(file);
  const { datastore, pool } = await placeOf(vcsim, govc);
  const network: NetworkRef = named(await govc.inventory.networks(), "lab/10");
  await govc.import.ova({ file, name: "template", datastore, pool, networks: { nodes: network } });
  expect(await govc.vm.find("template")).toMatchObject({ powerState: "poweredOff" });
});

test("a standalone host clones nothing", async () => {
  await using vcsim = await start({ mode: "esx" });
  await using govc = await vcsim.openGovc();
  const { ref: source } = await newVm(vcsim, govc, "template");
  const clone = { source, name: "n1", isLinked: false, ...(await placeOf(vcsim, govc)) };
  await expect(govc.vm.clone(clone)).rejects.toMatchObject({ kind: "not supported", fault: "NotSupported" });
  await expect(govc.inventory.createFolder("/ha-datacenter/vm/bench")).rejects.toMatchObject({
    kind: "not supported",
  });
});

test("a vCenter clones from a snapshot, into a folder", async () => {
  await using vcsim = await start({ mode: "vcenter" });
  await using govc = await vcsim.openGovc();
  const { ref: source } = await newVm(vcsim, govc, "template");
  await govc.snapshot.create(source, "base");
  await govc.inventory.createFolder("/DC0/vm/bench");
  await expect(govc.inventory.createFolder("/DC0/vm/bench")).rejects.toMatchObject({ kind: "already exists" });
  const folder = (await govc.inventory.folders()).find(({ name }) => name === "bench")!.ref;
  const place = { ...(await placeOf(vcsim, govc)), folder };
  await govc.vm.clone({ source, snapshot: "base", name: "n1", isLinked: true, ...place });
  expect(await govc.vm.find("n1")).toMatchObject({ folder, powerState: "poweredOff" });
  const again = govc.vm.clone({ source, snapshot: "base", name: "n1", isLinked: true, ...place });
  await expect(again).rejects.toMatchObject({ kind: "already exists" });
});

test("a vCenter's other datacenters are not looked into", async () => {
  await using vcsim = await start({ mode: "vcenter" });
  await operator(vcsim, "datacenter.create", "DC1");
  const countOf = async (datacenter: string) => {
    await using govc = await Govc.open({ ...vcsim.govcOptions, datacenter });
    return [(await govc.inventory.hosts()).length, (await govc.datastore.list()).length, (await govc.vm.list()).length];
  };
  expect([await countOf("/DC0"), await countOf("DC1")]).toEqual([
    [1, 1, 0],
    [0, 0, 0],
  ]);
  await expect(countOf("DC2")).rejects.toMatchObject({ kind: "not found" });
});

describe("a host that fails", () => {
  test("by ending the session within a call is asked once more", async () => {
    await using vcsim = await start({
      mode: "esx",
      faults: ["PowerOnVM_Task=NotAuthenticated:1", "Destroy_Task=NotAuthenticated:2"],
    });
    await using govc = await vcsim.openGovc();
    const { ref } = await newVm(vcsim, govc, "n1");
    await govc.vm.power(ref, "on");
    await govc.vm.power(ref, "off");
    // Twice in one call is no expired session any more, and a VM that was not destroyed is not called so.
    await expect(govc.vm.destroy(ref)).rejects.toMatchObject({ kind: "unauthenticated" });
    expect(await powerOf(govc, ref)).toBe("poweredOff");
    await govc.vm.destroy(ref);
  });

  test("says by kind whether trying again helps", async () => {
    const faults = [
      "PowerOnVM_Task=ResourceInUse:1",
      "ReconfigVM_Task=RestrictedVersion",
      "CreateVM_Task=NoDiskSpace:1:1",
    ];
    await using vcsim = await start({ mode: "esx", faults });
    await using govc = await vcsim.openGovc();
    const { ref } = await newVm(vcsim, govc, "n1");
    await expect(govc.vm.power(ref, "on")).rejects.toMatchObject({ kind: "busy", isRetryable: true });
    await govc.vm.power(ref, "on");
    await expect(govc.vm.change(ref, { cpus: 1 })).rejects.toMatchObject({
      kind: "licence read-only",
      isRetryable: false,
    });
    await expect(newVm(vcsim, govc, "n2")).rejects.toMatchObject({ kind: "no capacity", isRetryable: false });
  });

  test("to answer in time may do later what it was asked", async () => {
    await using vcsim = await start({ mode: "esx", methodDelays: ["PowerOnVM_Task:1500"] });
    await using govc = await vcsim.openGovc();
    const { ref } = await newVm(vcsim, govc, "n1");
    await expect(govc.vm.power(ref, "on", { timeoutMs: 500 })).rejects.toMatchObject({ kind: "unknown outcome" });
    await vi.waitFor(async () => expect(await powerOf(govc, ref)).toBe("poweredOn"), { timeout: 10_000 });
  });

  test("by standing still or dying is unreachable", async () => {
    await using vcsim = await start({ mode: "esx" });
    await using govc = await vcsim.openGovc();
    await govc.vm.list();
    process.kill(vcsim.pid, "SIGSTOP");
    await expect(govc.vm.list({ timeoutMs: 1000 })).rejects.toMatchObject({ kind: "unreachable", isRetryable: true });
    process.kill(vcsim.pid, "SIGKILL");
    await vi.waitFor(() => expect(govc.vm.list()).rejects.toMatchObject({ kind: "unreachable" }));
  });

  test("behind a proxy that has no host just now is unreachable, until it has", async () => {
    await using vcsim = await start({ mode: "esx" });
    await using proxy = await VcsimProxy.open(vcsim.url);
    const tls = { thumbprint: proxy.thumbprint };
    await using govc = await Govc.open({ ...vcsim.govcOptions, url: proxy.url, tls });
    proxy.plan = () => "unavailable";
    await expect(govc.vm.list()).rejects.toMatchObject({ kind: "unreachable" });
    proxy.plan = () => undefined;
    expect(await govc.vm.list()).toEqual([]);
  });

  test("by cutting a write off leaves its outcome unknown", async () => {
    await using vcsim = await start({ mode: "esx" });
    await using proxy = await VcsimProxy.open(vcsim.url);
    const tls = { thumbprint: proxy.thumbprint };
    await using govc = await Govc.open({ ...vcsim.govcOptions, url: proxy.url, tls });
    const { ref } = await newVm(vcsim, govc, "n1");
    proxy.plan = (method) => (method === "PowerOnVM_Task" ? "cut" : undefined);
    await expect(govc.vm.power(ref, "on")).rejects.toMatchObject({ kind: "unknown outcome" });
    expect(await powerOf(govc, ref)).toBe("poweredOn");
  });

  test("under another certificate is refused, and both are named", async () => {
    await using vcsim = await start({ mode: "esx" });
    await using proxy = await VcsimProxy.open(vcsim.url);
    const { thumbprint } = proxy;
    await using govc = await Govc.open({ ...vcsim.govcOptions, url: proxy.url, tls: { thumbprint } });
    await govc.vm.list();
    await proxy.swapCertificate();
    const calls = proxy.methods.length;
    await expect(govc.vm.list()).rejects.toMatchObject({
      kind: "certificate changed",
      message: expect.stringMatching(new RegExp(`${thumbprint}.*${proxy.thumbprint}`)) as string,
    });
    expect(proxy.methods).toHaveLength(calls);
  });
});
