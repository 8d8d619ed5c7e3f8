/** Virtual machines to test on; needs root. Emulated, since KVM is not everywhere. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killProcess } from "#activities/process-identity";
import type { ProcessIdentity } from "#activities/process-identity";
import { HostNetworks } from "#activities/providers/host-network";
import { removeKeptNode } from "#activities/providers/node-keeper";
import { NodeCgroups } from "#activities/providers/node-cgroups";
import { NodeFolders, readExitCode, readIdentity } from "#activities/providers/node-folders";
import { QemuProvider } from "#activities/providers/qemu";
import { askMonitor } from "#activities/providers/qemu-monitor";
import { Steps } from "#infra/console/steps";
import { ensureVmDisk } from "#infra/node-image/vm-disk";
import type { NodeHandle } from "#model/run";
import type { Environment } from "#model/spec";
import { until } from "#test/support/process-harness";
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
export class VmHost implements Disposable {
  readonly #dir = mkdtempSync(join(tmpdir(), "meshbench-vms-"));
  readonly #networksDir = join(this.#dir, "networks");
  readonly vmsDir = join(this.#dir, "vms");
  readonly folders = new NodeFolders(this.vmsDir);

  openProvider(options: Partial<ConstructorParameters<typeof QemuProvider>[0]> = {}): QemuProvider {
    return new QemuProvider({
      hostId: QEMU_ENVIRONMENT.host,
      cache: locateInstallation().cache,
      diskId: async () => (await requireVmDisk()).id,
      accelerator: "tcg",
      vmsDir: this.vmsDir,
      networks: new HostNetworks(this.#networksDir),
      ...options,
    });
  }

  async identityOf({ id }: NodeHandle, whose: "keeper" | "init"): Promise<ProcessIdentity> {
    const folder = await this.folders.find(id);
    const identity = folder && (await readIdentity(folder, whose));
    if (!identity) throw new Error(`${id} has no ${whose}`);
    return identity;
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

  /** Ends QEMU; its keeper then says how it ended. */
  async kill(node: NodeHandle): Promise<void> {
    killProcess(await this.identityOf(node, "init"));
    const folder = await this.folders.find(node.id);
    await until(async () => folder !== undefined && (await readExitCode(folder)) !== undefined);
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true });
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
    makeForeign: async (name) => {
      const path = host.folders.pathOf(name);
      await mkdir(path, { recursive: true });
      writeFileSync(join(path, "somebody's"), "");
      return { exists: async () => readdirSync(path).length === 1 };
    },
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
