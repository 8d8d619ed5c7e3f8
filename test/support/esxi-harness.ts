/** The ESXi provider on a simulated host that is there for the tests alone. */

import { createHash } from "node:crypto";
import { VM_DISK_FILE } from "#activities/image/vm-disk";
import type { VmDisk } from "#activities/image/vm-disk";
import { EsxiProvider } from "#activities/providers/esxi";
import type { EsxiProviderOptions } from "#activities/providers/esxi";
import { uuidOf } from "#activities/providers/esxi-labels";
import { templateNameOf } from "#activities/providers/esxi-template";
import type { DiskSource } from "#activities/providers/esxi-template";
import type { Govc, VmInfo } from "#govc-wrapper";
import { PROTOCOL_VERSION, VM_CONFIG } from "#model/node-protocol";
import type { NodeHandle } from "#model/run";
import type { Environment } from "#model/spec";
import type { ProviderHarness } from "#test/support/provider-contract";
import { TempDir } from "#test/support/temp-dir";
import { Vcsim, writeTinyOva } from "#test/support/vcsim";
import type { VcsimOptions } from "#test/support/vcsim";

export const ESXI_ENVIRONMENT: Environment = {
  name: "vms",
  provider: "esxi",
  host: "here",
  cpus: 1,
  memoryMib: 256,
};

export const TINY_IMAGE = `sha256:${createHash("sha256").update("tiny").digest("hex")}`;

export class EsxiHarness implements ProviderHarness, AsyncDisposable {
  readonly vcsim: Vcsim;
  readonly govc: Govc;
  readonly provider: EsxiProvider;
  readonly otherWorker: EsxiProvider;
  readonly environment = ESXI_ENVIRONMENT;
  readonly missingImage = `sha256:${"a".repeat(64)}`;
  readonly exitCodeOfKilled = null;
  readonly #dir: TempDir;

  private constructor(vcsim: Vcsim, govc: Govc, dir: TempDir) {
    this.vcsim = vcsim;
    this.govc = govc;
    this.#dir = dir;
    this.provider = this.open();
    this.otherWorker = this.open();
  }

  static async start(options: VcsimOptions): Promise<EsxiHarness> {
    const dir = new TempDir();
    await writeTinyOva(dir.join(VM_DISK_FILE.appliance));
    const vcsim = await Vcsim.start(options);
    return new EsxiHarness(vcsim, await vcsim.openGovc(), dir);
  }

  /** Another worker's. */
  open(options: Partial<EsxiProviderOptions> = {}): EsxiProvider {
    const { datastore, network, govcOptions: connect } = this.vcsim;
    const place = { datastore, network };
    return new EsxiProvider({ hostId: ESXI_ENVIRONMENT.host, connect, place, source: this.#source(), ...options });
  }

  /** @throws Where there is none. */
  async vmOf({ id }: NodeHandle): Promise<VmInfo> {
    const vm = (await this.govc.vm.list()).find((one) => uuidOf(one) === id);
    if (vm === undefined) throw new Error(`no VM ${id}`);
    return vm;
  }

  template(): Promise<VmInfo | undefined> {
    return this.govc.vm.find(templateNameOf(TINY_IMAGE));
  }

  async makeForeign(name: string) {
    const { ref } = await this.makeVm(name);
    return { exists: async () => (await this.govc.vm.list()).some((vm) => vm.ref === ref) };
  }

  /** One without a disk. */
  async makeVm(name: string, annotation = ""): Promise<VmInfo> {
    const datastore = (await this.govc.datastore.list())[0]!.ref;
    const network = (await this.govc.inventory.networks()).find((one) => one.name === this.vcsim.network)!.ref;
    await this.govc.vm.create({ name, cpus: 1, memoryMib: 64, guestId: "otherGuest", datastore, network, annotation });
    return (await this.govc.vm.find(name))!;
  }

  async pause(node: NodeHandle): Promise<void> {
    await this.govc.vm.power((await this.vmOf(node)).ref, "suspend");
  }

  async kill(node: NodeHandle): Promise<void> {
    await this.govc.vm.power((await this.vmOf(node)).ref, "off");
  }

  /** As an operator would who knows of child disks. */
  async removeFromOutside(node: NodeHandle): Promise<void> {
    const { ref } = await this.vmOf(node);
    for (const { name } of await this.govc.device.disks(ref)) {
      await this.govc.device.remove(ref, name, { keepFile: true });
    }
    await this.govc.vm.destroy(ref);
  }

  async describe(node: NodeHandle): Promise<string> {
    const vm = await this.vmOf(node);
    const config = vm.extraConfig[VM_CONFIG.guestinfoKey] ?? "";
    return `${JSON.stringify(vm)}\n${Buffer.from(config, "base64").toString()}`;
  }

  async close(): Promise<void> {
    await Promise.all([this.provider.close(), this.otherWorker.close(), this.govc.close()]);
    await this.vcsim[Symbol.asyncDispose]();
    this.#dir[Symbol.dispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #source(): DiskSource {
    const disk: VmDisk = {
      id: TINY_IMAGE,
      content: "0".repeat(64),
      kernel: "0",
      database: "mariadb 0",
      node: "0",
      protocol: String(PROTOCOL_VERSION),
      dir: this.#dir.path,
    };
    return {
      currentId: () => Promise.resolve(TINY_IMAGE),
      find: (id) => Promise.resolve(id === TINY_IMAGE ? disk : undefined),
    };
  }
}
