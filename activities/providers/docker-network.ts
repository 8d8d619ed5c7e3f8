/** The network of one run: its own block of 198.18.0.0/15 (RFC 2544, for benchmarks), closed to everything else. */

import type { NetworkCreateOptions, NetworkInspectInfo } from "dockerode";
import { ChangedMeanwhileError, EngineError, isStatus } from "#activities/providers/docker-engine";
import type { DockerEngine } from "#activities/providers/docker-engine";
import { chooseSubnet, gatewayAddress, poolRoutes } from "#activities/providers/address-pool";
import { formatSubnet, parseSubnet } from "#activities/providers/ipv4";
import type { Subnet } from "#activities/providers/ipv4";
import { belongsToRun, labelsOf } from "#activities/providers/labels";
import { LABEL } from "#model/ids";
import { BenchError } from "#model/errors";

export interface RunNetwork {
  readonly id: string;
  readonly subnet: Subnet;
}

export interface WantedNetwork {
  readonly runId: string;
  readonly host: string;
  readonly deadlineAt: string;
  readonly nodes: number;
  /** Nodes must reach resolvers outside the network. */
  readonly isOpen: boolean;
  /** Where its addresses are taken from; absent: the whole pool. */
  readonly pool?: Subnet;
}

const networkNameOf = (runId: string): string => `meshbench-${runId}`;

/** @returns `undefined` where the run has none. */
export async function findNetwork(
  engine: DockerEngine,
  runId: string,
  signal: AbortSignal | undefined,
): Promise<RunNetwork | undefined> {
  return oldestOf(await listRunNetworks(engine, runId, signal));
}

/**
 * The run's network: the existing one, or a new one. Two workers that come at once end with the same.
 * @param routes - Blocks that the engine's host routes elsewhere.
 * @throws {BenchError} `address pool`, `name taken`.
 */
export async function ensureNetwork(
  engine: DockerEngine,
  wanted: WantedNetwork,
  routes: readonly Subnet[],
  signal: AbortSignal,
): Promise<RunNetwork> {
  /** First addresses of blocks that the engine did not give, though nothing we see occupies them. */
  const refused = new Set<number>();
  return engine.converge(signal, async () => {
    for (;;) {
      const networks = await engine.call("list networks", signal, (docker, abortSignal) =>
        docker.listNetworks({ abortSignal }),
      );
      const existing = oldestOf(networks.filter(({ Labels }) => belongsToRun(Labels, wanted)));
      if (existing) return existing;
      refuseForeignName(networks, wanted);
      const subnet = chooseSubnet(wanted, [...poolRoutes(routes), ...networks.flatMap(subnetsOfNetwork)], refused);
      if (!(await tryCreate(engine, wanted, subnet, signal))) refused.add(subnet.base);
      else await removeDuplicates(engine, wanted.runId, signal);
    }
  });
}

/** @returns False where the engine says that somebody has the block. */
async function tryCreate(
  engine: DockerEngine,
  wanted: WantedNetwork,
  subnet: Subnet,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await engine.make(`create network ${formatSubnet(subnet)}`, signal, (docker, abortSignal) =>
      docker.createNetwork({ ...networkOptions(wanted, subnet), abortSignal }),
    );
    return true;
  } catch (error) {
    if (error instanceof EngineError && /overlap/i.test(error.message)) return false;
    // Another worker was faster, or somebody took the name: the next look tells which.
    if (isStatus(error, 409)) throw new ChangedMeanwhileError(error.message, { cause: error });
    throw error;
  }
}

function networkOptions(wanted: WantedNetwork, subnet: Subnet): NetworkCreateOptions {
  return {
    Name: networkNameOf(wanted.runId),
    CheckDuplicate: true,
    Driver: "bridge",
    // Hosts reach the nodes of an internal network; the nodes reach only each other.
    Internal: !wanted.isOpen,
    Options: {
      "com.docker.network.bridge.enable_icc": "true",
      "com.docker.network.bridge.enable_ip_masquerade": String(wanted.isOpen),
    },
    IPAM: { Driver: "default", Config: [{ Subnet: formatSubnet(subnet), Gateway: gatewayAddress({ subnet }) }] },
    Labels: { ...labelsOf(wanted) },
  };
}

function refuseForeignName(networks: readonly NetworkInspectInfo[], { runId, host }: WantedNetwork): void {
  const name = networkNameOf(runId);
  if (networks.some(({ Name }) => Name === name)) {
    throw new BenchError("name taken", `a foreign network is called ${name}`, { host });
  }
}

/**
 * Docker lets two networks have one name when they are created at the same moment. The oldest stays: a second worker
 * can only get as far as here after the first one had its block.
 */
async function removeDuplicates(engine: DockerEngine, runId: string, signal: AbortSignal): Promise<void> {
  const [, ...younger] = byAge(await listRunNetworks(engine, runId, signal));
  for (const { Id } of younger) {
    await removeNetwork(engine, Id, signal);
  }
}

async function removeNetwork(engine: DockerEngine, id: string, signal: AbortSignal): Promise<void> {
  try {
    await engine.call(`remove network ${id}`, signal, (docker) => docker.getNetwork(id).remove());
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
  }
}

async function listRunNetworks(
  engine: DockerEngine,
  runId: string,
  signal: AbortSignal | undefined,
): Promise<NetworkInspectInfo[]> {
  const filters = { label: [`${LABEL.run}=${runId}`, `${LABEL.host}=${engine.hostId}`] };
  return engine.read(`list networks of ${runId}`, signal, (docker, abortSignal) =>
    docker.listNetworks({ filters, abortSignal }),
  );
}

const byAge = (networks: readonly NetworkInspectInfo[]): NetworkInspectInfo[] =>
  networks.toSorted((a, b) => Date.parse(a.Created) - Date.parse(b.Created) || (a.Id < b.Id ? -1 : 1));

function oldestOf(networks: readonly NetworkInspectInfo[]): RunNetwork | undefined {
  const [oldest] = byAge(networks);
  if (!oldest) return undefined;
  const [subnet] = subnetsOfNetwork(oldest);
  if (!subnet) throw new Error(`network ${oldest.Name} has no IPv4 block`);
  return { id: oldest.Id, subnet };
}

function subnetsOfNetwork({ IPAM }: NetworkInspectInfo): Subnet[] {
  const texts = (IPAM?.Config ?? []).flatMap(({ Subnet: text }) => (text === undefined ? [] : [text]));
  return texts.map(parseSubnet).filter((subnet) => subnet !== undefined);
}
