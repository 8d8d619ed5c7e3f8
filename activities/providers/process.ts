/**
 * Native nodes: processes of this machine in the tree that containers are made of, entered by namespaces. No engine, and
 * no limits but the processors and the memory that the environment declares.
 *
 * A node is a folder (see `NodeFolders`), a namespace at the run's bridge (see `HostNetworks`), control groups, and a
 * keeper (node-keeper.sh), which starts the node, outlives the worker, and says how the node ended.
 */

import { join } from "node:path";
import pLimit from "p-limit";
import { BareMachine } from "#activities/fence/bare-machine";
import { isStopped } from "#activities/process-identity";
import { nodeAddress } from "#activities/providers/address-pool";
import { HostNetworks, namespacePath, nodeNamespace } from "#activities/providers/host-network";
import type { HostNetwork } from "#activities/providers/host-network";
import { isNodeOfRun, labelsOf } from "#activities/providers/labels";
import { nameResolutionOf } from "#activities/providers/node-hosts";
import {
  awaitExitCode,
  becomingNode,
  findLivingNode,
  removeKeptNode,
  startKeeper,
} from "#activities/providers/node-keeper";
import { deadlineVariable, stableVariables } from "#activities/providers/node-variables";
import { NodeCgroups } from "#activities/providers/node-cgroups";
import { prepareProcessEnvironment, requireTree } from "#activities/providers/process-environment";
import type { TreeSource } from "#activities/providers/process-environment";
import { describeFolder, NodeFolders, readIdentity, readLog } from "#activities/providers/node-folders";
import type { NodeFiles, NodeFolder } from "#activities/providers/node-folders";
import type { LabelledResource, NodeProvider, NodeSpec, NodeState } from "#activities/providers/provider";
import { BenchError } from "#model/errors";
import { LABEL, nodeHostname } from "#model/ids";
import { DATABASE_PORT } from "#model/node-protocol";
import type { NodeHandle, PreparedEnvironment, RunSpec } from "#model/run";
import type { Environment } from "#model/spec";

const NODES_DIR = "/run/meshbench-nodes";
const ENTER = join(import.meta.dirname, "process-node.sh");
/** As the image has it. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** What `unshare` ends with before util-linux 2.39 where PID 1 was killed; PID 1 itself never does. */
const CHILD_KILLED = 1;
const KILLED = 137;
/** Starting and ending nodes is bound by the processors. */
const CONCURRENCY = 8;

export interface ProcessProviderOptions extends TreeSource {
  readonly hostId: string;
  readonly now?: () => Date;
  /** Where nodes are kept; the same for all installations on the machine. */
  readonly nodesDir?: string;
  readonly networks?: HostNetworks;
}

const nodeNameOf = (runId: string, nodeIndex: number): string => `${runId}-n${nodeIndex}`;

export class ProcessProvider implements NodeProvider {
  readonly name = "process";
  readonly fence = new BareMachine("process");
  readonly #source: TreeSource;
  readonly #hostId: string;
  readonly #now: () => Date;
  readonly #folders: NodeFolders;
  readonly #networks: HostNetworks;
  readonly #slots = pLimit(CONCURRENCY);

  constructor({ hostId, now = () => new Date(), nodesDir = NODES_DIR, networks, ...source }: ProcessProviderOptions) {
    this.#source = source;
    this.#hostId = hostId;
    this.#now = now;
    this.#folders = new NodeFolders(nodesDir);
    this.#networks = networks ?? new HostNetworks();
  }

  prepareEnvironment(environment: Environment): Promise<PreparedEnvironment> {
    return prepareProcessEnvironment(this.#source, environment);
  }

  async ensureRun({ runId, point, environment }: RunSpec, deadlineAt: string, signal: AbortSignal): Promise<void> {
    const isOpen = environment.dns !== undefined;
    await this.#networks.ensure({ runId, host: this.#hostId, deadlineAt, nodes: point.nodes, isOpen }, signal);
  }

  async ensureNode(run: RunSpec, node: NodeSpec, signal: AbortSignal): Promise<NodeHandle> {
    const network = await this.#networks.find(run.runId);
    if (!network) throw new Error(`run ${run.runId} has no network: ensureRun comes first`);
    const name = nodeNameOf(run.runId, node.index);
    await this.#slots(() => this.#start(run, node, network, signal));
    return { index: node.index, id: name, name, address: nodeAddress(network, node.index), port: DATABASE_PORT };
  }

  async inspectNodes(_: RunSpec, nodes: readonly NodeHandle[]): Promise<NodeState[]> {
    const cgroups = await NodeCgroups.open();
    return Promise.all(
      nodes.map(async ({ id }) => {
        const folder = await this.#folders.find(id);
        return folder ? stateOf(folder, cgroups) : { state: "missing" };
      }),
    );
  }

  async readLogs(runId: string, nodeIndex: number): Promise<string> {
    const folder = await this.#folders.find(nodeNameOf(runId, nodeIndex));
    if (folder) return readLog(folder);
    throw new BenchError("node lost", "its folder is gone", { node: nodeIndex, host: this.#hostId });
  }

  /** The network last: nodes that still ran would have lost it. */
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
    return [...folders.map((folder) => describeFolder(folder)), ...networks];
  }

  /** Each step is safe to repeat; of two keepers for one node the second one ends at once. */
  async #start(run: RunSpec, node: NodeSpec, network: HostNetwork, signal: AbortSignal): Promise<void> {
    const { runId, environment, point } = run;
    const tree = await requireTree(this.#source.imageDir, environment.imageDigest, environment);
    const name = nodeNameOf(runId, node.index);
    signal.throwIfAborted();
    const labels = labelsOf({ runId, host: this.#hostId, deadlineAt: node.deadlineAt, nodeIndex: node.index });
    const folder = await this.#folders.ensure(name, labels, filesOf(run, node.index, network));
    if (!isNodeOfRun(folder.labels, { runId, host: this.#hostId }, node.index)) {
      const message = `name ${name} is taken by a foreign file, ${folder.path}`;
      throw new BenchError("name taken", message, { node: node.index });
    }
    if (await readIdentity(folder, "init")) return;
    const cgroups = await NodeCgroups.open();
    await cgroups.ensure(name, { cpus: point.cpus, memoryMib: point.memoryMib });
    await this.#networks.connectNamespace(network, node.index);
    signal.throwIfAborted();
    const env = { PATH, ...stableVariables(run, node), ...deadlineVariable(node, this.#now()) };
    const namespace = namespacePath(nodeNamespace(runId, node.index));
    const ramDiskMib = environment.ramDiskMib ?? node.sizing.ramDiskMib;
    const settings = [folder.path, tree.root, String(ramDiskMib), nodeHostname(node.index)];
    const command = [...enteringNamespaces(namespace), ...becomingNode(folder), ENTER, ...settings];
    await startKeeper({ folder, node: node.index, env, cgroups, command }, async () => true);
  }
}

const UNSHARE = ["unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child=KILL", "--propagation"];

/** All of its own, but the network's, which has the node's interface already. */
const enteringNamespaces = (network: string): string[] =>
  ["nsenter", `--net=${network}`, "--"].concat(UNSHARE, "private", "--");

function filesOf(run: RunSpec, nodeIndex: number, network: HostNetwork): NodeFiles {
  const { hosts, resolvers, resolversFirst } = nameResolutionOf(run, nodeIndex, network);
  return {
    hosts: lines(["127.0.0.1 localhost", ...hosts.map(({ address, name }) => `${address} ${name}`)]),
    hostname: lines([nodeHostname(nodeIndex)]),
    "resolv.conf": lines([...resolvers.map((address) => `nameserver ${address}`), "options attempts:1"]),
    "nsswitch.conf": lines([
      "passwd: files",
      "group: files",
      "shadow: files",
      `hosts: ${resolversFirst ? "dns [NOTFOUND=return] files" : "files dns"}`,
      "networks: files",
    ]),
  };
}

const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join("");

async function stateOf(folder: NodeFolder, cgroups: NodeCgroups): Promise<NodeState> {
  const living = await findLivingNode(folder);
  if (living) return { state: living.init && isStopped(living.init) ? "paused" : "running" };
  const exitCode = await awaitExitCode(folder);
  const outOfMemory = (await cgroups.memoryKillsOf(folder.name)) > 0;
  return { state: "exited", exitCode: exitCode === CHILD_KILLED ? KILLED : exitCode, outOfMemory };
}
