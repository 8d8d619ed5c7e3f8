/** The nodes of a host that keepers look after (see node-keeper.sh), with the networks of their runs: native nodes and VMs. */

import pLimit from "p-limit";
import { nodeAddress } from "#activities/providers/address-pool";
import type { HostNetwork, HostNetworks } from "#activities/providers/host-network";
import { isNodeOfRun, labelsOf } from "#activities/providers/labels";
import { NodeCgroups } from "#activities/providers/node-cgroups";
import { describeFolder, NodeFolders, readLog } from "#activities/providers/node-folders";
import type { NodeFiles, NodeFolder } from "#activities/providers/node-folders";
import { removeKeptNode } from "#activities/providers/node-keeper";
import type { LabelledResource, NodeSpec, NodeState } from "#activities/providers/provider";
import { BenchError } from "#model/errors";
import { LABEL } from "#model/ids";
import { DATABASE_PORT } from "#model/node-protocol";
import type { NodeHandle, RunSpec } from "#model/run";

export interface KeptNodesOptions {
  readonly hostId: string;
  readonly kind: "process" | "vm";
  /** Where nodes are kept; the same for all installations on the machine. */
  readonly dir: string;
  readonly networks: HostNetworks;
  /** How many start or end at a time. */
  readonly concurrency: number;
}

const nameOf = (runId: string, nodeIndex: number): string => `${runId}-n${nodeIndex}`;

export class KeptNodes {
  readonly #hostId: string;
  readonly #kind: "process" | "vm";
  readonly #folders: NodeFolders;
  readonly #networks: HostNetworks;
  readonly #slots: ReturnType<typeof pLimit>;

  constructor({ hostId, kind, dir, networks, concurrency }: KeptNodesOptions) {
    this.#hostId = hostId;
    this.#kind = kind;
    this.#folders = new NodeFolders(dir);
    this.#networks = networks;
    this.#slots = pLimit(concurrency);
  }

  async hasNetwork(runId: string): Promise<boolean> {
    return (await this.#networks.find(runId)) !== undefined;
  }

  async ensureNetwork({ runId, point, environment }: RunSpec, deadlineAt: string, signal: AbortSignal): Promise<void> {
    const isOpen = environment.dns !== undefined;
    await this.#networks.ensure({ runId, host: this.#hostId, deadlineAt, nodes: point.nodes, isOpen }, signal);
  }

  /** @param start - Each of its steps is safe to repeat; of two keepers for one node the second one ends at once. */
  async ensureNode(run: RunSpec, node: NodeSpec, start: (network: HostNetwork) => Promise<void>): Promise<NodeHandle> {
    const network = await this.#networks.find(run.runId);
    if (!network) throw new Error(`run ${run.runId} has no network: ensureRun comes first`);
    await this.#slots(() => start(network));
    const name = nameOf(run.runId, node.index);
    return { index: node.index, id: name, name, address: nodeAddress(network, node.index), port: DATABASE_PORT };
  }

  /** @throws {BenchError} `name taken` where somebody else has a file of that name. */
  async ensureFolder({ runId }: RunSpec, node: NodeSpec, files: NodeFiles): Promise<NodeFolder> {
    const labels = labelsOf({ runId, host: this.#hostId, deadlineAt: node.deadlineAt, nodeIndex: node.index });
    const folder = await this.#folders.ensure(nameOf(runId, node.index), labels, files);
    if (isNodeOfRun(folder.labels, { runId, host: this.#hostId }, node.index)) return folder;
    const message = `name ${folder.name} is taken by a foreign file, ${folder.path}`;
    throw new BenchError("name taken", message, { node: node.index });
  }

  /** @returns States in the order asked. */
  inspect(nodes: readonly NodeHandle[], stateOf: (folder: NodeFolder) => Promise<NodeState>): Promise<NodeState[]> {
    return Promise.all(
      nodes.map(async ({ id }) => {
        const folder = await this.#folders.find(id);
        return folder ? stateOf(folder) : { state: "missing" };
      }),
    );
  }

  /** @throws {BenchError} `node lost` where nothing of it is left. */
  async readLog(runId: string, nodeIndex: number): Promise<string> {
    const folder = await this.#folders.find(nameOf(runId, nodeIndex));
    if (folder) return readLog(folder);
    throw new BenchError("node lost", "its folder is gone", { node: nodeIndex, host: this.#hostId });
  }

  /**
   * The network last: nodes that still ran would have lost it.
   * @returns How many resources there were.
   */
  async destroyRun(runId: string): Promise<number> {
    const folders = await this.#folders.list();
    const ours = folders.filter(({ labels }) => labels[LABEL.run] === runId && labels[LABEL.host] === this.#hostId);
    const cgroups = await NodeCgroups.open();
    const removals = ours.map((folder) => this.#slots(() => removeKeptNode(folder, cgroups)));
    // All of them are tried: one that cannot be removed does not keep the others.
    const failed = (await Promise.allSettled(removals)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
    return ours.length + (await this.#networks.remove(runId, this.#hostId));
  }

  async listLabelled(): Promise<LabelledResource[]> {
    const [folders, networks] = await Promise.all([this.#folders.list(), this.#networks.list()]);
    return [...folders.map((folder) => describeFolder(folder, this.#kind)), ...networks];
  }
}
