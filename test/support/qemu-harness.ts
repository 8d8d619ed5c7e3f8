/** Virtual machines to test on; needs root. Emulated, since KVM is not everywhere. */

import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HostNetworks } from "#activities/providers/host-network";
import { removeKeptNode } from "#activities/providers/node-keeper";
import { NodeCgroups } from "#activities/providers/node-cgroups";
import { QemuProvider } from "#activities/providers/qemu";
import { askMonitor } from "#activities/providers/qemu-monitor";
import { Steps } from "#infra/console/steps";
import { ensureVmDisk } from "#infra/node-image/vm-disk";
import type { NodeHandle } from "#model/run";
import type { Environment } from "#model/spec";
import { KeptHost } from "#test/support/kept-host";
import type { ProviderHarness } from "#test/support/provider-contract";
import { locateInstallation } from "#worker/installation";

export const QEMU_ENVIRONMENT: Environment = {
  name: "vms",
  provider: "qemu",
  host: "here",
  cpus: 1,
  memoryMib: 256,
};

let disk: ReturnType<typeof ensureVmDisk> | undefined;

/** Builds the disk unless it is there: half a minute. */
export async function requireVmDisk() {
  const { cache } = locateInstallation();
  disk ??= ensureVmDisk("qemu", { cache, consent: { isGiven: true }, steps: new Steps() });
  return (await disk).disk;
}

/** VMs of one test file, in places of its own. */
export class VmHost extends KeptHost {
  constructor() {
    super(mkdtempSync(join(tmpdir(), "meshbench-vms-")));
  }

  openProvider(options: Partial<ConstructorParameters<typeof QemuProvider>[0]> = {}): QemuProvider {
    return new QemuProvider({
      hostId: QEMU_ENVIRONMENT.host,
      cache: locateInstallation().cache,
      diskId: async () => (await requireVmDisk()).id,
      accelerator: "tcg",
      vmsDir: this.nodesDir,
      networks: new HostNetworks(join(this.dir, "networks")),
      ...options,
    });
  }

  /** As the process list has it. */
  async commandOf(node: NodeHandle): Promise<string[]> {
    const { pid } = await this.identityOf(node, "init");
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  }

  /** As a host's operator could. */
  async tell(node: NodeHandle, command: string): Promise<void> {
    const { pid } = await this.identityOf(node, "init");
    await askMonitor(`/proc/${pid}/cwd/monitor`, [command]);
  }
}

export async function openQemuHarness(): Promise<ProviderHarness> {
  const host = new VmHost();
  await requireVmDisk();
  return {
    provider: host.openProvider(),
    otherWorker: host.openProvider(),
    environment: QEMU_ENVIRONMENT,
    missingImage: `sha256:${"a".repeat(64)}`,
    makeForeign: (name) => host.makeForeign(name),
    pause: (node) => host.tell(node, "stop"),
    kill: (node) => host.kill(node),
    removeFromOutside: async (node) => {
      const folder = await host.folders.find(node.id);
      if (folder) await removeKeptNode(folder, await NodeCgroups.open());
    },
    describe: async (node) => {
      const folder = host.folders.pathOf(node.id);
      const { pid } = await host.identityOf(node, "init");
      const files = readdirSync(folder).map((name) => join(folder, name));
      const texts = [
        ...files.filter((path) => statSync(path).isFile()),
        `/proc/${pid}/environ`,
        `/proc/${pid}/cmdline`,
      ];
      return texts.map((path) => readFileSync(path, "utf8")).join("\n");
    },
    close: async () => host[Symbol.dispose](),
  };
}
