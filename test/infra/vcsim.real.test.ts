import { rm } from "node:fs/promises";
import { expect, test } from "vitest";
import { Govc } from "#govc-wrapper";
import { TempDir } from "#test/support/temp-dir";
import { Vcsim, writeTinyOva } from "#test/support/vcsim";

/** A VM with a child disk of the template's. */
async function makeLinkedVm(vcsim: Vcsim, govc: Govc): Promise<void> {
  using dir = new TempDir();
  await writeTinyOva(dir.join("tiny.ova"));
  await vcsim.makeTemplate("golden", dir.join("tiny.ova"));
  await rm(dir.join("tiny.ova"));
  const datastore = (await govc.datastore.list())[0]!.ref;
  const network = (await govc.inventory.networks())[0]!.ref;
  const disk = { datastore, path: "golden/disk-0.vmdk", isLinked: true };
  await govc.vm.create({ name: "linked", cpus: 1, memoryMib: 64, guestId: "otherGuest", datastore, network, disk });
}

test("a simulated ESXi is as unkind as a real one: nothing is cloned, and a child takes its parent disk along", async () => {
  await using vcsim = await Vcsim.start({ mode: "esx", hasContainers: false });
  await using govc = await vcsim.openGovc();
  await makeLinkedVm(vcsim, govc);
  const [golden, linked] = [(await govc.vm.find("golden"))!, (await govc.vm.find("linked"))!];
  const datastore = (await govc.datastore.list())[0]!.ref;
  const refused = { kind: "not supported" };
  const clone = govc.vm.clone({ name: "copy", source: golden.ref, isLinked: false, datastore });
  await expect(clone).rejects.toMatchObject(refused);
  await expect(govc.vm.markAsTemplate(golden.ref)).rejects.toMatchObject(refused);
  await govc.vm.destroy(linked.ref);
  expect(await govc.datastore.ls({ datastore, path: "golden" })).not.toContain("disk-0.vmdk");
});

test("a fault comes as often as it is ordered, and after as many calls", async () => {
  await using vcsim = await Vcsim.start({
    mode: "vcenter",
    hasContainers: false,
    faults: ["ReconfigVM_Task=ResourceInUse:1:1"],
  });
  await using govc = await vcsim.openGovc();
  await makeLinkedVm(vcsim, govc);
  const { ref } = (await govc.vm.find("linked"))!;
  const change = () => govc.vm.change(ref, { extraConfig: { a: "b" } });
  await change();
  await expect(change()).rejects.toMatchObject({ kind: "busy", fault: "ResourceInUse" });
  await change();
});

test("a simulator that was started again shows another certificate", async () => {
  const first = await Vcsim.start({ mode: "esx", hasContainers: false });
  const { port, govcOptions } = first;
  await first[Symbol.asyncDispose]();
  await using second = await Vcsim.start({ mode: "esx", hasContainers: false, port });
  expect(second.thumbprint).not.toBe(first.thumbprint);
  await using govc = await Govc.open({ ...govcOptions, password: second.password });
  await expect(govc.about()).rejects.toMatchObject({ kind: "certificate changed" });
});
