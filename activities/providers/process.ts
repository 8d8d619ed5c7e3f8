/**
 * Native nodes: processes of this machine in the tree that containers are made of, entered by namespaces. No engine, and
 * no limits but the processors and the memory that the environment declares.
 *
 * A node is a folder (see `NodeFolders`), a namespace at the run's bridge (see `HostNetworks`), control groups, and a
 * keeper (node-keeper.sh), which starts the node, outlives the worker, and says how the node ended.
 */

import { join } from "node:path";
import { BareMachine } from "#activities/fence/bare-machine";
import { isStopped } from "#activities/process-identity";
import { HostNetworks, namespacePath, nodeNamespace } from "#activities/providers/host-network";
import type { HostNetwork } from "#activities/providers/host-network";
import { KeptNodes } from "#activities/providers/kept-nodes";
import { nameResolutionOf } from "#activities/providers/node-hosts";
import { awaitExitCode, becomingNode, findLivingNode, startKeeper } from "#activities/providers/node-keeper";
import { deadlineVariable, stableVariables } from "#activities/providers/node-variables";
import { NodeCgroups } from "#activities/providers/node-cgroups";
import { prepareProcessEnvironment, requireTree } from "#activities/providers/process-environment";
import type { TreeSource } from "#activities/providers/process-environment";
import { readIdentity } from "#activities/providers/node-folders";
import type { NodeFiles, NodeFolder } from "#activities/providers/node-folders";
import type { LabelledResource, NodeProvider, NodeSpec, NodeState } from "#activities/providers/provider";
import { nodeHostname } from "#model/ids";
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

export class ProcessProvider implements NodeProvider {
  readonly name = "process";
  readonly fence = new BareMachine("process");
  readonly nodesAtOnce = CONCURRENCY;
  readonly #source: TreeSource;
  readonly #now: () => Date;
  readonly #networks: HostNetworks;
  readonly #nodes: KeptNodes;

  constructor({ hostId, now = () => new Date(), nodesDir = NODES_DIR, networks, ...source }: ProcessProviderOptions) {
    this.#source = source;
    this.#now = now;
    this.#networks = networks ?? new HostNetworks();
    const kept = { hostId, kind: "process", dir: nodesDir, networks: this.#networks } as const;
    this.#nodes = new KeptNodes({ ...kept, concurrency: CONCURRENCY });
  }

  prepareEnvironment(environment: Environment): Promise<PreparedEnvironment> {
    return prepareProcessEnvironment(this.#source, environment);
  }

  ensureRun(run: RunSpec, deadlineAt: string, signal: AbortSignal): Promise<void> {
    return this.#nodes.ensureNetwork(run, deadlineAt, signal);
  }

  ensureNode(run: RunSpec, node: NodeSpec, signal: AbortSignal): Promise<NodeHandle> {
    return this.#nodes.ensureNode(run, node, (network) => this.#start(run, node, network, signal));
  }

  async inspectNodes(_: RunSpec, nodes: readonly NodeHandle[]): Promise<NodeState[]> {
    const cgroups = await NodeCgroups.open();
    return this.#nodes.inspect(nodes, (folder) => stateOf(folder, cgroups));
  }

  readLogs(runId: string, nodeIndex: number): Promise<string> {
    return this.#nodes.readLog(runId, nodeIndex);
  }

  destroyRun(runId: string): Promise<number> {
    return this.#nodes.destroyRun(runId);
  }

  listLabelled(): Promise<LabelledResource[]> {
    return this.#nodes.listLabelled();
  }

  async #start(run: RunSpec, node: NodeSpec, network: HostNetwork, signal: AbortSignal): Promise<void> {
    const { runId, environment, point } = run;
    const tree = await requireTree(this.#source.imageDir, environment.imageDigest, environment);
    signal.throwIfAborted();
    const folder = await this.#nodes.ensureFolder(run, node, filesOf(run, node.index, network));
    if (await readIdentity(folder, "init")) return;
    const cgroups = await NodeCgroups.open();
    await cgroups.ensure(folder.name, { cpus: point.cpus, memoryMib: point.memoryMib });
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
