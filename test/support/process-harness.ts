/** Native nodes to test on; needs root. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isAlive, killProcess } from "#activities/process-identity";
import type { ProcessIdentity } from "#activities/process-identity";
import { nodeImageDir } from "#activities/image/node-tree";
import { HostNetworks } from "#activities/providers/host-network";
import { ProcessProvider } from "#activities/providers/process";
import { NodeCgroups } from "#activities/providers/node-cgroups";
import { NodeFolders, readExitCode, readIdentity, removeFolder } from "#activities/providers/node-folders";
import { Steps } from "#infra/console/steps";
import { ensureNodeTree } from "#infra/node-image/tree";
import type { NodeHandle } from "#model/run";
import type { Environment } from "#model/spec";
import type { ProviderHarness } from "#test/support/provider-contract";
import { locateInstallation } from "#worker/installation";

const POLL_MS = 10;
const LIMIT_MS = 10_000;

export const PROCESS_ENVIRONMENT: Environment = {
  name: "native",
  provider: "process",
  host: "here",
  cpus: 1,
  memoryMib: 256,
};

let tree: ReturnType<typeof ensureNodeTree> | undefined;

async function imageDigest(): Promise<string> {
  tree ??= ensureNodeTree(locateInstallation().cache, new Steps());
  return (await tree).digest;
}

/** Nodes of one test file, in places of its own. */
export class NativeHost implements Disposable {
  readonly dir: string;
  readonly folders: NodeFolders;

  constructor(dir = mkdtempSync(join(tmpdir(), "meshbench-native-"))) {
    this.dir = dir;
    this.folders = new NodeFolders(this.#nodesDir);
  }

  get #nodesDir(): string {
    return join(this.dir, "nodes");
  }

  openProvider(options: Partial<ConstructorParameters<typeof ProcessProvider>[0]> = {}): ProcessProvider {
    return new ProcessProvider({
      hostId: PROCESS_ENVIRONMENT.host,
      imageDir: nodeImageDir(locateInstallation().cache),
      imageDigest,
      nodesDir: this.#nodesDir,
      networks: new HostNetworks(join(this.dir, "networks")),
      ...options,
    });
  }

  async identityOf({ id }: NodeHandle, whose: "keeper" | "init"): Promise<ProcessIdentity> {
    const folder = await this.folders.find(id);
    const identity = folder && (await readIdentity(folder, whose));
    if (!identity) throw new Error(`${id} has no ${whose}`);
    return identity;
  }

  /** Ends PID 1, and with it the node; its keeper then says how it ended. */
  async kill(node: NodeHandle): Promise<void> {
    killProcess(await this.identityOf(node, "init"));
    const folder = await this.folders.find(node.id);
    await until(async () => folder !== undefined && (await readExitCode(folder)) !== undefined);
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export async function openProcessHarness(): Promise<ProviderHarness> {
  const host = new NativeHost();
  await imageDigest();
  return {
    provider: host.openProvider(),
    otherWorker: host.openProvider(),
    environment: PROCESS_ENVIRONMENT,
    missingImage: `sha256:${"a".repeat(64)}`,
    makeForeign: async (name) => {
      const path = host.folders.pathOf(name);
      await mkdir(path, { recursive: true });
      writeFileSync(join(path, "somebody's"), "");
      return { exists: async () => readdirSync(path).length === 1 };
    },
    pause: async (node) => {
      process.kill((await host.identityOf(node, "init")).pid, "SIGSTOP");
    },
    kill: (node) => host.kill(node),
    removeFromOutside: async (node) => {
      const keeper = await host.identityOf(node, "keeper");
      await host.kill(node);
      await until(async () => !isAlive(keeper));
      await (await NodeCgroups.open()).remove(node.id);
      await removeFolder(host.folders.pathOf(node.id));
    },
    describe: async (node) => {
      const folder = host.folders.pathOf(node.id);
      const { pid } = await host.identityOf(node, "init");
      const files = readdirSync(folder).filter((name) => name !== "root");
      const texts = [...files.map((name) => join(folder, name)), `/proc/${pid}/environ`, `/proc/${pid}/cmdline`];
      return texts.map((path) => readFileSync(path, "utf8")).join("\n");
    },
    close: async () => host[Symbol.dispose](),
  };
}

/** @throws When it is not so after ten seconds. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error("it is not so after ten seconds");
    await delay(POLL_MS);
  }
}
