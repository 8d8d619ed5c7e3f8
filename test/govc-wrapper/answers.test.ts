/** What govc says, understood: in the casing of every version, and whatever else it adds. */

import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { GovcError } from "#govc-wrapper";
import { FAKE_PASSWORD, FakeGovc } from "#test/support/fake-govc";

const VM = "VirtualMachine:vm-29";
/** Both printed of the same simulator, in the same state. */
const VERSIONS = ["0.28.0", "0.56.0"];

/** A govc that prints what that version did. */
function recordedGovc(version: string): FakeGovc {
  const file = (name: string) => join(import.meta.dirname, "recorded", version, `${name}.out`);
  const print = (name: string) => `cat '${file(name)}'`;
  return new FakeGovc({
    about: print("about"),
    "license.ls": print("license.ls"),
    "device.info": print("device.info"),
    "datastore.ls": print("datastore.ls"),
    // -json=true -type=TYPE -- / …
    "object.collect": `cat "${file("object.collect.X").replace("X", "${3#-type=}")}"`,
  });
}

describe.for(VERSIONS)("govc %s", (version) => {
  test("says who the host is", async () => {
    using fake = recordedGovc(version);
    await using govc = await fake.open();
    expect(await govc.about()).toEqual({
      fullName: "VMware vCenter Server 6.5.0 build-5973321 (govmomi simulator)",
      version: "6.5.0",
      build: "5973321",
      apiType: "VirtualCenter",
      apiVersion: "6.5",
      osType: "linux-amd64",
      instanceUuid: "f48d4693-f239-5efb-8538-15b72bb912be",
    });
    expect(await govc.licenses()).toEqual([{ name: "Evaluation Mode", edition: "eval" }]);
  });

  test("lists VMs with their configuration, addresses and snapshots", async () => {
    using fake = recordedGovc(version);
    await using govc = await fake.open();
    const vms = await govc.vm.list();
    expect(vms.map(({ name }) => name)).toEqual(["DC0_C0_RP0_VM0", "DC0_C0_RP0_VM1", "cl"]);
    expect(vms[0]).toEqual({
      ref: VM,
      name: "DC0_C0_RP0_VM0",
      uuid: "7dc847e3-ffa0-55fc-9c65-18f9246b4527",
      instanceUuid: "92d04c2b-0142-5fa3-9cd0-fd78cc9971fc",
      powerState: "poweredOn",
      isTemplate: false,
      cpus: 1,
      memoryMib: 32,
      vmxPath: "[LocalDS_0] DC0_C0_RP0_VM0/DC0_C0_RP0_VM0.vmx",
      annotation: "",
      extraConfig: { govcsim: "TRUE", "meshbench.run": "abc" },
      snapshots: ["base", "later"],
      addresses: ["198.18.9.9"],
      tools: "guestToolsNotRunning",
      host: "HostSystem:host-24",
      folder: "Folder:group-2",
    });
    expect(vms[1]).toMatchObject({ snapshots: [], addresses: [] });
  });

  test("lists what a VM needs to be somewhere", async () => {
    using fake = recordedGovc(version);
    await using govc = await fake.open();
    expect(await govc.inventory.hosts()).toMatchObject([{ ref: "HostSystem:host-24", cpuThreads: 2, memoryMib: 4095 }]);
    expect((await govc.inventory.networks()).map(({ ref, name }) => [ref, name])).toEqual([
      ["Network:network-6", "VM Network"],
      ["DistributedVirtualPortgroup:dvportgroup-10", "DVS0-DVUplinks-8"],
      ["DistributedVirtualPortgroup:dvportgroup-12", "DC0_DVPG0"],
    ]);
    expect(await govc.datastore.list()).toMatchObject([{ name: "LocalDS_0", isAccessible: true }]);
    expect(await govc.datastore.ls({ datastore: "Datastore:datastore-26" })).toContain("cl");
  });

  test("lists a VM's disks", async () => {
    using fake = recordedGovc(version);
    await using govc = await fake.open();
    const file = "[LocalDS_0] DC0_C0_RP0_VM0/disk1.vmdk";
    expect(await govc.device.disks(VM)).toEqual([{ name: "disk-202-0", file, parentFile: undefined }]);
  });

  test("finds a VM by its whole name only", async () => {
    using fake = recordedGovc(version);
    await using govc = await fake.open();
    expect((await govc.vm.find("DC0_C0_RP0_VM1"))?.ref).toBe("VirtualMachine:vm-32");
    for (const name of ["DC0_C0_RP0_VM*", "DC0_C0_RP0_VM", "dc0_c0_rp0_vm1", ""]) {
      expect(await govc.vm.find(name)).toBeUndefined();
    }
  });
});

/** A govc that prints this, whatever it is asked. */
const printing = (command: string, text: string) => new FakeGovc({ [command]: `cat <<'END'\n${text}\nEND` });

const update = (value: string, changes: Record<string, unknown>, kind = "enter") =>
  JSON.stringify({
    kind,
    obj: { type: "VirtualMachine", value },
    changeSet: Object.entries(changes).map(([name, val]) => ({ name, val })),
  });

describe("an answer", () => {
  test("of nothing is an empty list", async () => {
    using fake = new FakeGovc({ "device.info": `echo '{"devices":null}'`, "license.ls": "echo null" });
    await using govc = await fake.open();
    expect([await govc.vm.list(), await govc.device.disks(VM), await govc.licenses()]).toEqual([[], [], []]);
  });

  test("may leave out what a host cannot read of a broken VM", async () => {
    using fake = printing("object.collect", update("vm-7", { name: "Unknown", "runtime.powerState": "poweredOff" }));
    await using govc = await fake.open();
    expect(await govc.vm.list()).toMatchObject([{ ref: "VirtualMachine:vm-7", uuid: undefined, extraConfig: {} }]);
  });

  test("shows names as people gave them", async () => {
    const changes = { name: "50%25 a%2fb", "runtime.powerState": "poweredOff" };
    using fake = printing("object.collect", update("vm-7", changes));
    await using govc = await fake.open();
    expect((await govc.vm.find("50% a/b"))?.ref).toBe("VirtualMachine:vm-7");
  });

  test("is refused as ambiguous where two VMs have the name", async () => {
    const changes = { name: "twin", "runtime.powerState": "poweredOff" };
    using fake = printing("object.collect", `${update("vm-7", changes)}\n${update("vm-8", changes)}`);
    await using govc = await fake.open();
    await expect(govc.vm.find("twin")).rejects.toMatchObject({ kind: "ambiguous" });
  });

  test.for(["not json", '{"about":{"name":"x"}}', "[]"])("of %j is no answer", async (text) => {
    using fake = printing("about", text);
    await using govc = await fake.open();
    await expect(govc.about()).rejects.toMatchObject({ kind: "bad answer", isRetryable: false });
  });

  test("of an empty line is no address", async () => {
    using fake = new FakeGovc({ "vm.ip": "echo" });
    await using govc = await fake.open();
    expect(await govc.vm.ip(VM, { waitSec: 5 })).toBeUndefined();
    expect(fake.calls().at(-1)?.args).toContain("-wait=5s");
  });

  test("that changes while it is read is as it was last", async () => {
    const seen = update("vm-7", { name: "n1", "runtime.powerState": "poweredOff" });
    const switchedOn = update("vm-7", { "runtime.powerState": "poweredOn" }, "modify");
    const gone = [update("vm-8", { name: "n2", "runtime.powerState": "poweredOff" }), update("vm-8", {}, "leave")];
    using fake = printing("object.collect", [seen, ...gone, switchedOn].join("\n"));
    await using govc = await fake.open();
    expect(await govc.vm.list()).toMatchObject([{ name: "n1", powerState: "poweredOn" }]);
  });
});

/** As a host's or the simulator's faults come with -xml. */
const typedFault = (fault: string, sentence = `*types.${fault}`) =>
  `<LocalizedMethodFault><fault xmlns:_XMLSchema-instance="http://www.w3.org/2001/XMLSchema-instance" _XMLSchema-instance:type="${fault}"></fault><localizedMessage>${sentence}</localizedMessage></LocalizedMethodFault>`;

const FAILURES: readonly (readonly [stderr: string, kind: string, isRetryable: boolean])[] = [
  [typedFault("InvalidLogin"), "login refused", false],
  [typedFault("NoPermission"), "no permission", false],
  [typedFault("RestrictedVersion"), "licence read-only", false],
  [typedFault("NotSupported"), "not supported", false],
  [typedFault("DuplicateName"), "already exists", false],
  [typedFault("FileAlreadyExists"), "already exists", false],
  [typedFault("ManagedObjectNotFound"), "not found", false],
  [typedFault("InvalidPowerState"), "wrong state", false],
  [typedFault("NoDiskSpace"), "no capacity", false],
  [typedFault("InsufficientMemoryResourcesFault"), "no capacity", false],
  [typedFault("ResourceInUse"), "busy", true],
  [typedFault("TaskInProgress"), "busy", true],
  [typedFault("FileLocked"), "busy", true],
  [typedFault("InvalidArgument"), "invalid argument", false],
  [typedFault("SomethingNew"), "failed", false],
  ["/x/govc: file [ds] p1/p1.vmx already exists", "already exists", false],
  ["/x/govc: vm 'VirtualMachine:vm-9' not found", "not found", false],
  ["/x/govc: no such VM", "not found", false],
  ["/x/govc: file [ds] a was not found", "not found", false],
  ["/x/govc: default network resolves to multiple instances, please specify", "ambiguous", false],
  ['/x/govc: Post "https://h/sdk": dial tcp 127.0.0.1:1: connect: connection refused', "unreachable", true],
  ['/x/govc: Post "https://h/sdk": dial tcp: lookup h on 127.0.0.1:53: no such host', "unreachable", true],
  ['/x/govc: Post "https://h/sdk": EOF', "unknown outcome", true],
  ['/x/govc: Post "https://h/sdk": read tcp 127.0.0.1:1: connection reset by peer', "unknown outcome", true],
  ["/x/govc: 503 Service Unavailable", "unreachable", true],
  ["/x/govc: vm 'load-503' not found", "not found", false],
  ["/x/govc: file [ds] load-502/x.vmx already exists", "already exists", false],
  [
    '/x/govc: Post "https://h/sdk": tls: failed to verify certificate: x509: certificate signed by unknown authority',
    "certificate untrusted",
    false,
  ],
  ["/x/govc: product/version specific feature not supported by target", "not supported", false],
  ["/x/govc: ServerFaultCode: Login failure", "login refused", false],
  ["Usage: govc <COMMAND> [COMMON OPTIONS] [PATH]...\n  -cert=   Certificate x509: not found", "usage", false],
];

describe("a failure", () => {
  test.for(FAILURES)("that prints %s is called %s", async ([stderr, kind, isRetryable]) => {
    using fake = new FakeGovc({ "vm.destroy": `cat >&2 <<'END'\n${stderr}\nEND\nexit 1` });
    await using govc = await fake.open();
    await expect(govc.vm.destroy(VM)).rejects.toMatchObject({ kind, isRetryable, exitCode: 1 });
  });

  test("of a read has its fault's type asked for, since govc names none in JSON", async () => {
    const untyped = `{"Fault":{"Code":"ServerFaultCode","String":"","Detail":{"Fault":{"obj":{}}}}}`;
    const answer = `[ "$2" = -json=true ] && echo '${untyped}' >&2 || echo '${typedFault("ManagedObjectNotFound")}' >&2; exit 1`;
    using fake = new FakeGovc({ "object.collect": answer });
    await using govc = await fake.open();
    await expect(govc.vm.info(VM)).rejects.toMatchObject({ kind: "not found", fault: "ManagedObjectNotFound" });
  });

  test("of a read by a connection that broke leaves nothing unknown", async () => {
    using fake = new FakeGovc({ "object.collect": `echo 'govc: Post "https://h/sdk": EOF' >&2; exit 1` });
    await using govc = await fake.open();
    await expect(govc.vm.list()).rejects.toMatchObject({ kind: "unreachable" });
  });

  test("is told in the host's own sentence", async () => {
    const sentence = "The operation is not allowed in the current state of &#34;x&#34; &amp; others.";
    const stderr = typedFault("InvalidPowerState", sentence);
    using fake = new FakeGovc({ "vm.power": `echo '${stderr}' >&2; exit 1` });
    await using govc = await fake.open();
    await expect(govc.vm.power(VM, "on")).rejects.toThrow(
      'vm.power: wrong state: The operation is not allowed in the current state of "x" & others. (InvalidPowerState)',
    );
  });

  test("shows no password", async () => {
    using fake = new FakeGovc({
      "vm.power": `echo "govc: https://bench:$GOVC_PASSWORD@h: $GOVC_PASSWORD" >&2; exit 1`,
    });
    await using govc = await fake.open();
    const failure: unknown = await govc.vm.power(VM, "on").catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(GovcError);
    expect(JSON.stringify([failure, String(failure)])).not.toContain(FAKE_PASSWORD);
  });

  test("of a certificate names the one that was expected and the one that is there", async () => {
    const other = Array.from({ length: 32 }, () => "CD").join(":");
    const thumbprint = Array.from({ length: 32 }, () => "AB").join(":");
    const certificate = { subject: "s", issuer: "i", notAfter: "2030-01-01T00:00:00Z", thumbprintSHA256: other };
    using fake = new FakeGovc({
      about: `echo 'govc: Post "https://h/sdk": host "h:443" thumbprint does not match "${thumbprint}"' >&2; exit 1`,
      "about.cert": `echo '${JSON.stringify(certificate)}'`,
    });
    await using govc = await fake.open({ tls: { thumbprint } });
    const failure = govc.about();
    await expect(failure).rejects.toMatchObject({ kind: "certificate changed", isRetryable: false });
    await expect(failure).rejects.toThrow(new RegExp(`${thumbprint}.*${other}`));
  });

  test("to find a govc is told apart from a failure of one", async () => {
    using fake = new FakeGovc();
    await using govc = await fake.open({ govc: "/nonexistent/govc" });
    await expect(govc.about()).rejects.toMatchObject({ kind: "no govc" });
  });
});
