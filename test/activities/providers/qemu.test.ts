import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { VM_MODULES } from "#activities/image/vm-disk";
import { chooseAccelerator } from "#activities/providers/qemu-accelerator";
import { requireRoom } from "#activities/providers/qemu-capacity";
import { removeAbandonedWork } from "#activities/providers/qemu-frozen";
import { bootKernelOf } from "#activities/providers/qemu-kernel";
import { macOf, nodeArguments } from "#activities/providers/qemu-machine";
import { sampleRun } from "#test/support/sample-run";
import { TempDir } from "#test/support/temp-dir";

const MACHINE = { name: "run-n1", cpus: 2, memoryMib: 512, kernel: "/k", initrd: "/i" } as const;
const argumentOf = (args: readonly string[], option: string) => args[args.indexOf(option) + 1];

describe("a machine", () => {
  test("has what its environment declares, and the host's processor only with KVM", () => {
    const kvm = nodeArguments({ ...MACHINE, accelerator: "kvm" });
    expect([argumentOf(kvm, "-smp"), argumentOf(kvm, "-m"), argumentOf(kvm, "-cpu")]).toEqual(["2", "512M", "host"]);
    // What weakens a guest's own protection would make it faster than a container on the same host.
    expect(argumentOf(kvm, "-append")).not.toContain("mitigations");
    expect(argumentOf(nodeArguments({ ...MACHINE, accelerator: "tcg" }), "-cpu")).toBe("Nehalem");
  });

  test("is no carrier of its node's id, which its keeper is", () => {
    expect(nodeArguments({ ...MACHINE, accelerator: "tcg" })).not.toContain(MACHINE.name);
  });

  test("has an address of its own on the wire", () => {
    const all = Array.from({ length: 256 }, (_, position) => macOf(position + 1));
    expect(new Set(all).size).toBe(256);
    for (const mac of all) expect(mac).toMatch(/^52:54:00(?::[0-9a-f]{2}){3}$/);
  });
});

const works = async () => undefined;
const fails = async () => "no device";
const never = () => Promise.reject(new Error("it was tried"));

describe("the accelerator", () => {
  test("is KVM where a guest boots with it, and the emulator only where that may be", async () => {
    expect(await chooseAccelerator("auto", "here", works)).toMatchObject({ accelerator: "kvm" });
    expect(await chooseAccelerator("auto", "here", fails)).toEqual({ accelerator: "tcg", why: "no KVM: no device" });
    await expect(chooseAccelerator("kvm", "here", fails)).rejects.toMatchObject({ kind: "engine unavailable" });
  });

  test("is not tried where the operator chose the emulator", async () => {
    expect(await chooseAccelerator("tcg", "here", never)).toMatchObject({ accelerator: "tcg" });
  });
});

describe("room", () => {
  const run = sampleRun({ point: { nodes: 4, memoryMib: 1024 } });

  test("for all machines and what is around them is there, or the run fails with the sums", async () => {
    await requireRoom(run, "kvm", { cpus: 1, memoryMib: 4864 });
    await expect(requireRoom(run, "kvm", { cpus: 64, memoryMib: 4863 })).rejects.toMatchObject({
      kind: "capacity",
      message: expect.stringContaining("4 VMs need 4864 MiB"),
    });
  });

  test("for emulated machines is two on a processor", async () => {
    await requireRoom(run, "tcg", { cpus: 2, memoryMib: 8192 });
    await expect(requireRoom(run, "tcg", { cpus: 1, memoryMib: 8192 })).rejects.toMatchObject({ kind: "capacity" });
  });
});

describe("kernel: host", () => {
  let dir: TempDir;
  beforeEach(() => {
    dir = new TempDir();
  });
  afterEach(() => dir[Symbol.dispose]());

  const places = () => ({ boot: dir.join("boot"), modules: dir.join("modules"), release: "6.9.9-host" });
  const disk = () => ({
    dir: dir.path,
    id: "",
    content: "",
    kernel: "6.1.0-image",
    database: "",
    node: "",
    protocol: "",
  });

  test("boots the host's own with its modules", async () => {
    const { boot, modules, release } = places();
    mkdirSync(boot);
    mkdirSync(join(modules, release), { recursive: true });
    writeFileSync(join(boot, `vmlinuz-${release}`), "");
    writeFileSync(join(modules, release, "modules.builtin"), VM_MODULES.qemu.map((name) => `${name}.ko\n`).join(""));
    writeFileSync(dir.join("init.cpio"), "[init]");
    const kernel = await bootKernelOf({ kernel: "host", host: "here" }, disk(), places());
    expect(kernel).toMatchObject({ release, kernel: join(boot, `vmlinuz-${release}`) });
    expect(readFileSync(kernel.initrd, "latin1")).toMatch(/^\[init\]070701/);
  });

  test("fails clearly where the host keeps none, as in a machine that was booted from outside", async () => {
    await expect(bootKernelOf({ kernel: "host", host: "here" }, disk(), places())).rejects.toMatchObject({
      kind: "image",
      message: expect.stringMatching(/kernel: host cannot boot 6\.9\.9-host.*vmlinuz-6\.9\.9-host/),
    });
  });

  test("is not what is booted unless it is asked for", async () => {
    expect(await bootKernelOf({ host: "here" }, disk(), places())).toMatchObject({ release: "6.1.0-image" });
  });
});

test("what a killed worker left of a machine that it froze is removed, and what one is at stays", async () => {
  using dir = new TempDir();
  for (const name of ["freezing-a", "frozen-a.state"]) mkdirSync(dir.join(name));
  await removeAbandonedWork(dir.path);
  expect(readdirSync(dir.path)).toEqual(["freezing-a", "frozen-a.state"]);
  await removeAbandonedWork(dir.path, new Date(Date.now() + 600_000));
  expect(readdirSync(dir.path)).toEqual(["frozen-a.state"]);
});
