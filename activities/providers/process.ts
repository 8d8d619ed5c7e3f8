/**
 * Native nodes: processes of this machine in the tree that containers are made of, entered by namespaces. No engine, and
 * no limits but the processors and the memory that the environment declares.
 *
 * A node is a folder (see `NodeFolders`), a namespace at the run's bridge (see `HostNetworks`), control groups, and a
 * keeper (process-node.sh), which starts the node, outlives the worker, and says how the node ended.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import pLimit from "p-limit";
import { BareMachine } from "#activities/fence/bare-machine";
import { isAlive, isStopped, identifyProcess, killProcess } from "#activities/process-identity";
import { gatewayAddress, nodeAddress } from "#activities/providers/address-pool";
import { HostNetworks, namespacePath, nodeNamespace } from "#activities/providers/host-network";
import type { HostNetwork } from "#activities/providers/host-network";
import { isNodeOfRun, labelsOf } from "#activities/providers/labels";
import { deadlineVariable, stableVariables } from "#activities/providers/node-variables";
import { NodeCgroups } from "#activities/providers/process-cgroups";
import { prepareProcessEnvironment, requireTree } from "#activities/providers/process-environment";
import type { TreeSource } from "#activities/providers/process-environment";
import {
  describeFolder,
  NodeFolders,
  readExitCode,
  readIdentity,
  readLog,
  removeFolder,
  startLogOf,
} from "#activities/providers/process-folders";
import type { NodeFiles, NodeFolder } from "#activities/providers/process-folders";
import type { LabelledResource, NodeProvider, NodeSpec, NodeState } from "#activities/providers/provider";
import { sleep } from "#activities/timing";
import { BenchError } from "#model/errors";
import { LABEL, nodeHostname } from "#model/ids";
import { DATABASE_PORT } from "#model/node-protocol";
import type { NodeHandle, PreparedEnvironment, RunSpec } from "#model/run";
import type { Environment } from "#model/spec";

const NODES_DIR = "/run/meshbench-nodes";
const LAUNCHER = join(import.meta.dirname, "process-node.sh");
/** As the image has it. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const POLL_MS = 5;
const START_LIMIT_MS = 15_000;
const END_LIMIT_MS = 15_000;
/** A keeper writes down how its node ended as soon as it has. */
const EXIT_CODE_LIMIT_MS = 2000;
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
    const removals = ours.map((folder) => this.#slots(() => removeNode(folder, cgroups)));
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
    const ramDiskMib = environment.ramDiskMib ?? node.sizing.ramDiskMib;
    await launch(folder, {
      args: [
        tree.root,
        namespacePath(nodeNamespace(runId, node.index)),
        String(ramDiskMib),
        nodeHostname(node.index),
        cgroups.roots.join(":"),
        cgroups.foldersOf(name).join(":"),
      ],
      env: { PATH, ...stableVariables(run, node), ...deadlineVariable(node, this.#now()) },
      node: node.index,
    });
  }
}

/**
 * Peers' names are in every node's file of hosts. A run's own resolvers are asked before it; where they are silent, the
 * file answers, as Docker's resolver does for containers. Those of a database that looks its peers up know them or not.
 */
function filesOf({ point, environment }: RunSpec, nodeIndex: number, network: HostNetwork): NodeFiles {
  const { dns } = environment;
  const isReverse = point.resolve === "reverse";
  const named = dns && isReverse ? [nodeIndex] : Array.from({ length: point.nodes }, (_, position) => position + 1);
  const hosts = [
    "127.0.0.1 localhost",
    ...named.map((index) => `${nodeAddress(network, index)} ${nodeHostname(index)}`),
    // What lookups cost is to be paid between nodes: the worker has a time limit, and asks again and again.
    ...(isReverse ? [`${gatewayAddress(network)} worker`] : []),
  ];
  const resolvers = (dns ?? []).map((address) => `nameserver ${address}`);
  const hostsOrder = dns && !isReverse ? "dns [NOTFOUND=return] files" : "files dns";
  return {
    hosts: lines(hosts),
    hostname: lines([nodeHostname(nodeIndex)]),
    "resolv.conf": lines([...resolvers, "options attempts:1"]),
    "nsswitch.conf": lines([
      "passwd: files",
      "group: files",
      "shadow: files",
      `hosts: ${hostsOrder}`,
      "networks: files",
    ]),
  };
}

const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join("");

interface Launch {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly node: number;
}

/**
 * Starts a keeper in a session of its own, and waits until the node has begun.
 * @throws {BenchError} `node failed`, with what the keeper said.
 */
async function launch(folder: NodeFolder, { args, env, node }: Launch): Promise<void> {
  const output = openSync(startLogOf(folder), "a", 0o600);
  const keeper = spawn(LAUNCHER, ["keep", folder.name, folder.path, ...args], {
    detached: true,
    stdio: ["ignore", output, output],
    env,
  });
  closeSync(output);
  keeper.unref();
  const ended = once(keeper, "exit").then(() => true);
  const limit = AbortSignal.timeout(START_LIMIT_MS);
  for (;;) {
    const hasEnded = await Promise.race([ended, sleep(POLL_MS, limit)]).catch((error: unknown) => {
      throw new BenchError("node failed", "it did not begin in time", { node }, { cause: error });
    });
    if (await readIdentity(folder, "init")) return;
    // Another worker's keeper may have been faster: the node is its own then, and begins.
    const other = await readIdentity(folder, "keeper");
    if (hasEnded && !(other && isAlive(other))) {
      throw new BenchError("node failed", `it did not begin: ${(await readLog(folder)).trim()}`, { node });
    }
  }
}

async function stateOf(folder: NodeFolder, cgroups: NodeCgroups): Promise<NodeState> {
  const init = await readIdentity(folder, "init");
  if (init && isAlive(init)) return { state: isStopped(init) ? "paused" : "running" };
  const keeper = await readIdentity(folder, "keeper");
  // Between its folder and its first process.
  if (!init && keeper && isAlive(keeper)) return { state: "running" };
  const exitCode = await awaitExitCode(folder);
  return { state: "exited", exitCode, outOfMemory: (await cgroups.memoryKillsOf(folder.name)) > 0 };
}

/** @returns `null` where its keeper was killed, too, or never got as far. */
async function awaitExitCode(folder: NodeFolder): Promise<number | null> {
  const deadline = performance.now() + EXIT_CODE_LIMIT_MS;
  for (;;) {
    const keeper = await readIdentity(folder, "keeper");
    const isKept = keeper !== undefined && isAlive(keeper) && performance.now() < deadline;
    const exitCode = await readExitCode(folder);
    if (exitCode !== undefined || !isKept) return exitCode ?? null;
    await sleep(POLL_MS, AbortSignal.timeout(EXIT_CODE_LIMIT_MS));
  }
}

/** Ends all that runs of a node, and removes what it had. Safe to repeat, and for two workers at once. */
async function removeNode(folder: NodeFolder, cgroups: NodeCgroups): Promise<void> {
  const deadline = performance.now() + END_LIMIT_MS;
  for (;;) {
    const [keeper, init] = await Promise.all([readIdentity(folder, "keeper"), readIdentity(folder, "init")]);
    const members = (await cgroups.processesOf(folder.name)).map(identifyProcess);
    const alive = [init, keeper, ...members].filter((one) => one !== undefined && isAlive(one));
    if (alive.length === 0) break;
    if (performance.now() > deadline) {
      throw new BenchError("engine unavailable", `process ${alive[0]?.pid} of ${folder.name} does not end`);
    }
    for (const one of alive) if (one) killProcess(one);
    await sleep(POLL_MS, AbortSignal.timeout(END_LIMIT_MS));
  }
  await cgroups.remove(folder.name);
  await removeFolder(folder.path);
}
