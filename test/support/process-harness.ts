/** Native nodes to test on; needs root. */

import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "#activities/process-identity";
import { nodeImageDir } from "#activities/image/node-tree";
import { HostNetworks } from "#activities/providers/host-network";
import { ProcessProvider } from "#activities/providers/process";
import { NodeCgroups } from "#activities/providers/node-cgroups";
import { removeFolder } from "#activities/providers/node-folders";
import { Steps } from "#infra/console/steps";
import { ensureNodeTree } from "#infra/node-image/tree";
import type { Environment } from "#model/spec";
import { KeptHost, until } from "#test/support/kept-host";
import type { ProviderHarness } from "#test/support/provider-contract";
import { locateInstallation } from "#worker/installation";

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
export class NativeHost extends KeptHost {
  constructor(dir = mkdtempSync(join(tmpdir(), "meshbench-native-"))) {
    super(dir);
  }

  openProvider(options: Partial<ConstructorParameters<typeof ProcessProvider>[0]> = {}): ProcessProvider {
    return new ProcessProvider({
      hostId: PROCESS_ENVIRONMENT.host,
      imageDir: nodeImageDir(locateInstallation().cache),
      imageDigest,
      nodesDir: this.nodesDir,
      networks: new HostNetworks(join(this.dir, "networks")),
      ...options,
    });
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
    makeForeign: (name) => host.makeForeign(name),
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
