/** One node as a container: hardened, limited, on a RAM disk, and there exactly once however often it is asked for. */

import { createHash } from "node:crypto";
import type { ContainerCreateOptions, ContainerInspectInfo, HostConfig } from "dockerode";
import { NODE_CAPABILITIES } from "#activities/image/node-image";
import { ChangedMeanwhileError, EngineError, isStatus } from "#activities/providers/docker-engine";
import type { DockerEngine } from "#activities/providers/docker-engine";
import { gatewayAddress, nodeAddress } from "#activities/providers/address-pool";
import type { RunNetwork } from "#activities/providers/docker-network";
import { isNodeOfRun, labelsOf } from "#activities/providers/labels";
import { deadlineVariable, stableVariables } from "#activities/providers/node-variables";
import type { NodeVariables } from "#activities/providers/node-variables";
import type { NodeSpec } from "#activities/providers/provider";
import { BenchError } from "#model/errors";
import { nodeHostname } from "#model/ids";
import { NODE_ENV } from "#model/node-protocol";
import type { RunSpec } from "#model/run";

const MIB = 1024 * 1024;
const CPU_PERIOD_US = 100_000;
const OPEN_FILES = 16_384;
/** What a node runs beside one database thread for each peer's connection. */
const PIDS_BESIDE_PEERS = 256;
/** Of the options a container was made with, the deadline's remaining seconds left out. */
const CONFIG_LABEL = "meshbench.config";

export interface WantedContainer {
  readonly name: string;
  readonly runId: string;
  readonly node: NodeSpec;
  readonly options: ContainerCreateOptions;
}

export const containerNameOf = (runId: string, nodeIndex: number): string => `${runId}-n${nodeIndex}`;

export function describeContainer(run: RunSpec, node: NodeSpec, network: RunNetwork, now: Date): WantedContainer {
  const name = containerNameOf(run.runId, node.index);
  const stable = stableOptions(run, node, network);
  const config = createHash("sha256").update(JSON.stringify(stable)).digest("hex").slice(0, 16);
  const options = {
    ...stable,
    name,
    Env: [...(stable.Env ?? []), ...formatVariables(deadlineVariable(node, now))],
    Labels: { ...stable.Labels, [CONFIG_LABEL]: config },
  };
  return { name, runId: run.runId, node, options };
}

function stableOptions(run: RunSpec, node: NodeSpec, network: RunNetwork): ContainerCreateOptions {
  const { runId, environment } = run;
  const hostname = nodeHostname(node.index);
  return {
    Image: environment.imageDigest,
    Hostname: hostname,
    Env: formatVariables({ ...stableVariables(run, node), ...resolverVariable(run) }),
    Labels: {
      ...labelsOf({ runId, host: environment.host, deadlineAt: node.deadlineAt, nodeIndex: node.index }),
    },
    HostConfig: hostConfig(run, node, network),
    NetworkingConfig: {
      EndpointsConfig: {
        [network.id]: { IPAMConfig: { IPv4Address: nodeAddress(network, node.index) }, Aliases: [hostname] },
      },
    },
  };
}

const resolverVariable = ({ environment: { dns } }: RunSpec): NodeVariables =>
  dns ? { [NODE_ENV.resolvers]: dns.join(",") } : {};

const formatVariables = (variables: NodeVariables): string[] =>
  Object.entries(variables).map(([name, value]) => `${name}=${value}`);

function hostConfig({ point, environment }: RunSpec, { sizing }: NodeSpec, network: RunNetwork): HostConfig {
  const ramDiskMib = environment.ramDiskMib ?? sizing.ramDiskMib;
  return {
    NetworkMode: network.id,
    ...(environment.dns && { Dns: [...environment.dns] }),
    // What lookups cost is to be paid between nodes: the worker has a time limit, and asks again and again.
    ...(point.resolve === "reverse" && { ExtraHosts: [`worker:${gatewayAddress(network)}`] }),
    // Not NanoCpus: that one refuses a limit above the host's own CPUs, which is a limit like any other.
    CpuPeriod: CPU_PERIOD_US,
    CpuQuota: Math.round(point.cpus * CPU_PERIOD_US),
    Memory: point.memoryMib * MIB,
    // Equal to the memory: no swap, so that the limit is a hard one.
    MemorySwap: point.memoryMib * MIB,
    PidsLimit: PIDS_BESIDE_PEERS + 2 * point.nodes,
    Ulimits: [{ Name: "nofile", Soft: OPEN_FILES, Hard: OPEN_FILES }],
    CapDrop: ["ALL"],
    CapAdd: [...NODE_CAPABILITIES],
    SecurityOpt: ["no-new-privileges:true"],
    // Where a run has resolvers of its own, PID 1 puts them before Docker's in /etc/resolv.conf, which is writable with it.
    ReadonlyRootfs: environment.dns === undefined,
    Tmpfs: { "/ram": `size=${ramDiskMib}m`, "/run": "size=16m,mode=0755", "/tmp": "size=64m,mode=1777" },
    LogConfig: { Type: "json-file", Config: { "max-size": "1m", "max-file": "2" } },
    RestartPolicy: { Name: "no" },
    PublishAllPorts: false,
  };
}

/**
 * The node's container, created and started: the existing one, in whatever state it is, or a new one. What has run once
 * is never started again, since a main loop is never continued; a leftover of a failed start is.
 * @returns Its id.
 * @throws {BenchError} `name taken`, `image`, `capacity`, `node failed` (it cannot start), `engine unavailable`.
 */
export async function ensureContainer(
  engine: DockerEngine,
  wanted: WantedContainer,
  signal: AbortSignal,
): Promise<string> {
  return engine.converge(signal, async () => {
    const existing = await inspectContainer(engine, wanted.name, signal);
    if (!existing) return startContainer(engine, await createContainer(engine, wanted, signal), wanted, signal);
    refuseForeign(engine, existing, wanted);
    switch (existing.State.Status) {
      case "created":
        return adoptUnstarted(engine, existing, wanted, signal);
      case "removing":
      case "dead":
        throw new ChangedMeanwhileError(`container ${wanted.name} is being removed`);
      default:
        return existing.Id;
    }
  });
}

/** @returns `undefined` where there is none. */
export async function inspectContainer(
  engine: DockerEngine,
  idOrName: string,
  signal?: AbortSignal,
): Promise<ContainerInspectInfo | undefined> {
  try {
    return await engine.call(`inspect container ${idOrName}`, signal, (docker, abortSignal) =>
      docker.getContainer(idOrName).inspect({ abortSignal }),
    );
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

function refuseForeign(
  { hostId: host }: DockerEngine,
  existing: ContainerInspectInfo,
  { name, runId, node }: WantedContainer,
): void {
  if (isNodeOfRun(existing.Config.Labels, { runId, host }, node.index)) return;
  throw new BenchError("name taken", `name ${name} is taken by a foreign container, ${existing.Id.slice(0, 12)}`, {
    node: node.index,
  });
}

async function adoptUnstarted(
  engine: DockerEngine,
  existing: ContainerInspectInfo,
  wanted: WantedContainer,
  signal: AbortSignal,
): Promise<string> {
  if (existing.Config.Labels[CONFIG_LABEL] === wanted.options.Labels?.[CONFIG_LABEL]) {
    return startContainer(engine, existing.Id, wanted, signal);
  }
  await removeContainer(engine, existing.Id, signal);
  throw new ChangedMeanwhileError(`container ${wanted.name} was made for another network or image`);
}

async function createContainer(engine: DockerEngine, wanted: WantedContainer, signal: AbortSignal): Promise<string> {
  const { name, node, options } = wanted;
  const { name: _, ...body } = options;
  try {
    const container = await engine.make(`create container ${name}`, signal, (docker, abortSignal) =>
      // dockerode puts all options into the URL as well unless it is told which belong where.
      docker.createContainer({ _query: { name }, _body: body, abortSignal } as ContainerCreateOptions),
    );
    return container.id;
  } catch (error) {
    if (isStatus(error, 409)) throw new ChangedMeanwhileError(error.message, { cause: error });
    if (isStatus(error, 404) && /no such image/i.test(error.message)) {
      throw new BenchError("image", `${options.Image} is no longer there`, { node: node.index }, { cause: error });
    }
    throw explainStartFailure(error, node.index);
  }
}

async function startContainer(
  engine: DockerEngine,
  id: string,
  { name, node }: WantedContainer,
  signal: AbortSignal,
): Promise<string> {
  try {
    await engine.make(`start container ${name}`, signal, (docker, abortSignal) =>
      docker.getContainer(id).start({ abortSignal }),
    );
  } catch (error) {
    if (isStatus(error, 404) || isAmbiguous(error)) throw new ChangedMeanwhileError(String(error), { cause: error });
    // 304: another worker started it.
    if (!isStatus(error, 304)) throw explainStartFailure(error, node.index);
  }
  return id;
}

/** For a moment two networks of two workers had the run's name; the engine looks networks up by it, whatever it is given. */
const isAmbiguous = (error: unknown): boolean => error instanceof EngineError && /is ambiguous/.test(error.message);

/** What retrying cannot mend, by the engine's words; anything else stays as it is. */
function explainStartFailure(error: unknown, node: number): unknown {
  if (!(error instanceof EngineError)) return error;
  if (/no space left on device|cannot allocate memory/i.test(error.message)) {
    return new BenchError("capacity", error.message, { node }, { cause: error });
  }
  if (/oci runtime|runc|containerd/i.test(error.message)) {
    return new BenchError("node failed", error.message, { node }, { cause: error });
  }
  return error;
}

/** Removes a container and its anonymous volumes, whatever its state; one that is gone or going already is fine. */
export async function removeContainer(engine: DockerEngine, id: string, signal?: AbortSignal): Promise<void> {
  try {
    await engine.call(`remove container ${id.slice(0, 12)}`, signal, (docker) =>
      docker.getContainer(id).remove({ force: true, v: true }),
    );
  } catch (error) {
    if (!isStatus(error, 404, 409)) throw error;
  }
}
