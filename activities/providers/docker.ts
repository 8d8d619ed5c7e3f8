/** Nodes as containers of a Docker engine. */

import { availableParallelism } from "node:os";
import type Docker from "dockerode";
import type { ContainerInfo } from "dockerode";
import pLimit from "p-limit";
import type { LimitFunction } from "p-limit";
import type { EngineFence } from "#activities/fence/fence-mark";
import {
  containerNameOf,
  describeContainer,
  ensureContainer,
  inspectContainer,
} from "#activities/providers/docker-container";
import { DockerEngine, isStatus } from "#activities/providers/docker-engine";
import { prepareDockerEnvironment } from "#activities/providers/docker-environment";
import { DockerLease } from "#activities/providers/docker-lease";
import { decodeLog } from "#activities/providers/docker-logs";
import { nodeAddress } from "#activities/providers/address-pool";
import { ensureNetwork, findNetwork } from "#activities/providers/docker-network";
import {
  describeLabelled,
  listContainers,
  listLabelledOnEngine,
  removeRun,
} from "#activities/providers/docker-removal";
import { readHostRoutes } from "#activities/providers/host-routes";
import type { Subnet } from "#activities/providers/ipv4";
import { isNodeOfRun } from "#activities/providers/labels";
import type { LabelledResource, NodeProvider, NodeSpec, NodeState } from "#activities/providers/provider";
import { BenchError } from "#model/errors";
import { DATABASE_PORT } from "#model/node-protocol";
import type { NodeHandle, PreparedEnvironment, RunSpec } from "#model/run";
import type { Environment } from "#model/spec";

export interface DockerProviderOptions {
  readonly docker: Docker;
  readonly hostId: string;
  /** The node image of this checkout, for environments that name none. */
  readonly imageTag: () => Promise<string>;
  readonly now?: () => Date;
  /** Where the engine is in a VM of this machine: its nodes' addresses, which this machine routes into the VM. */
  readonly vmSubnet?: Subnet;
  /** No API call is waited for any longer. */
  readonly callTimeoutMs?: number;
}

export class DockerProvider implements NodeProvider {
  readonly name = "docker";
  readonly fence: EngineFence;
  /** Each is asked for after a look at the engine's own mark; more would only wait for each other in the engine. */
  readonly nodesAtOnce = 8;
  readonly #engine: DockerEngine;
  readonly #hostId: string;
  readonly #imageTag: () => Promise<string>;
  readonly #vmSubnet: Subnet | undefined;
  readonly #now: () => Date;
  // Starting containers is bound by the processor: more than two at once for each core makes none of them faster.
  readonly #concurrency = Math.max(4, 2 * availableParallelism());
  readonly #slots: LimitFunction = pLimit(this.#concurrency);

  constructor({ docker, hostId, imageTag, vmSubnet, now = () => new Date(), callTimeoutMs }: DockerProviderOptions) {
    this.#vmSubnet = vmSubnet;
    this.#engine = new DockerEngine(docker, hostId, callTimeoutMs === undefined ? {} : { callTimeoutMs });
    this.#hostId = hostId;
    this.#imageTag = imageTag;
    this.#now = now;
    this.fence = new DockerLease(this.#engine, now);
  }

  prepareEnvironment(environment: Environment): Promise<PreparedEnvironment> {
    const isInVm = this.#vmSubnet !== undefined;
    return prepareDockerEnvironment(this.#engine, environment, { imageTag: this.#imageTag, isInVm });
  }

  async ensureRun(run: RunSpec, deadlineAt: string, signal: AbortSignal): Promise<void> {
    const { runId, point, environment } = run;
    const pool = this.#vmSubnet;
    // The nodes of a closed network answer nobody outside of their engine's machine.
    const isOpen = environment.dns !== undefined || pool !== undefined;
    const wanted = { runId, host: this.#hostId, deadlineAt, nodes: point.nodes, isOpen, ...(pool && { pool }) };
    // This machine's routes say nothing about the VM's.
    await ensureNetwork(this.#engine, wanted, pool ? [] : await readHostRoutes(), signal);
  }

  async ensureNode(run: RunSpec, node: NodeSpec, signal: AbortSignal): Promise<NodeHandle> {
    const network = await findNetwork(this.#engine, run.runId, signal);
    if (!network) throw new Error(`run ${run.runId} has no network: ensureRun comes first`);
    const id = await this.#slots(() =>
      ensureContainer(this.#engine, describeContainer(run, node, network, this.#now()), signal),
    );
    return {
      index: node.index,
      id,
      name: containerNameOf(run.runId, node.index),
      address: nodeAddress(network, node.index),
      port: DATABASE_PORT,
    };
  }

  async inspectNodes(run: RunSpec, nodes: readonly NodeHandle[]): Promise<NodeState[]> {
    const containers = await listContainers(this.#engine, { runId: run.runId });
    const byId = new Map(containers.map((container) => [container.Id, container]));
    return Promise.all(nodes.map(({ id }) => this.#stateOf(byId.get(id))));
  }

  async readLogs(runId: string, nodeIndex: number): Promise<string> {
    const whose = { runId, host: this.#hostId };
    const containers = await listContainers(this.#engine, whose);
    const container = containers.find(({ Labels }) => isNodeOfRun(Labels, whose, nodeIndex));
    const lost = () => new BenchError("node lost", "its container is gone", { node: nodeIndex, host: this.#hostId });
    if (!container) throw lost();
    try {
      return decodeLog(
        await this.#engine.read(`read log of node ${nodeIndex}`, undefined, (docker, abortSignal) =>
          docker.getContainer(container.Id).logs({ stdout: true, stderr: true, abortSignal }),
        ),
      );
    } catch (error) {
      throw isStatus(error, 404) ? lost() : error;
    }
  }

  destroyRun(runId: string): Promise<number> {
    return removeRun(this.#engine, { runId, host: this.#hostId }, this.#concurrency);
  }

  async listLabelled(): Promise<LabelledResource[]> {
    return describeLabelled(await listLabelledOnEngine(this.#engine));
  }

  /** The list tells what runs; only of what has ended more has to be asked. */
  async #stateOf(container: ContainerInfo | undefined): Promise<NodeState> {
    if (!container) return { state: "missing" };
    switch (container.State) {
      case "running":
      case "paused":
        return { state: container.State };
      case "exited":
      case "dead":
        return this.#endOf(container.Id);
      case "created":
        return { state: "exited", exitCode: null, outOfMemory: false };
      default:
        return { state: "missing" };
    }
  }

  async #endOf(id: string): Promise<NodeState> {
    const container = await this.#engine.converge(undefined, () => inspectContainer(this.#engine, id));
    if (!container) return { state: "missing" };
    return { state: "exited", exitCode: container.State.ExitCode, outOfMemory: container.State.OOMKilled };
  }
}
