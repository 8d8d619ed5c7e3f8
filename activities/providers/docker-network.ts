/** The network of one run: its own block of 198.18.0.0/15 (RFC 2544, for benchmarks), closed to everything else. */

import { createHash } from "node:crypto";
import type { NetworkCreateOptions, NetworkInspectInfo } from "dockerode";
import { ChangedMeanwhileError, EngineError, isStatus } from "#activities/providers/docker-engine";
import type { DockerEngine } from "#activities/providers/docker-engine";
import { addressIn, formatSubnet, overlaps, parseSubnet, subnetsOf } from "#activities/providers/ipv4";
import type { Subnet } from "#activities/providers/ipv4";
import { belongsToRun, labelsOf } from "#activities/providers/labels";
import { LABEL } from "#model/ids";
import { BenchError } from "#model/errors";

const POOL: Subnet = { base: 0xc6_12_00_00, prefix: 15 };
/** A block also holds its own address, the broadcast address and the gateway. */
const RESERVED_ADDRESSES = 3;

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
}

const networkNameOf = (runId: string): string => `meshbench-${runId}`;

/** The engine's own machine in that network: the worker's connections come from there. */
export const gatewayAddress = ({ subnet }: Pick<RunNetwork, "subnet">): string => addressIn(subnet, 1);

/** Node 1 comes after the gateway, so that its address is the lowest of all nodes. */
export const nodeAddress = ({ subnet }: RunNetwork, nodeIndex: number): string => addressIn(subnet, nodeIndex + 1);

/** A /24, or as much larger as the nodes need. */
export function prefixFor(nodes: number): number {
  return Math.min(24, 32 - Math.ceil(Math.log2(nodes + RESERVED_ADDRESSES)));
}

/**
 * Blocks of the pool that nothing in `taken` touches, beginning at a place of the run's own, so that runs that start at
 * once on one engine rarely want the same one, and two workers with the same run always do.
 */
export function* freeSubnets(runId: string, prefix: number, taken: readonly Subnet[]): Generator<Subnet> {
  const start = createHash("sha256").update(runId).digest().readUInt32BE();
  for (const subnet of subnetsOf(POOL, prefix, start)) {
    if (!taken.some((other) => overlaps(subnet, other))) yield subnet;
  }
}

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
      const existing = oldestOf(networks.filter(({ Labels }) => belongsToRun(Labels, wanted.runId)));
      if (existing) return existing;
      refuseForeignName(networks, wanted);
      const subnet = chooseSubnet(wanted, [...poolRoutes(routes), ...networks.flatMap(subnetsOfNetwork)], refused);
      if (!(await tryCreate(engine, wanted, subnet, signal))) refused.add(subnet.base);
      else await removeDuplicates(engine, wanted.runId, signal);
    }
  });
}

function chooseSubnet(
  { runId, nodes, host }: WantedNetwork,
  taken: readonly Subnet[],
  refused: ReadonlySet<number>,
): Subnet {
  const prefix = prefixFor(nodes);
  for (const subnet of freeSubnets(runId, prefix, taken)) {
    if (!refused.has(subnet.base)) return subnet;
  }
  const inTheWay = taken.filter((other) => overlaps(other, POOL)).length + refused.size;
  const message = `no /${prefix} is free in ${formatSubnet(POOL)}: ${inTheWay} networks and routes are in the way`;
  throw new BenchError("address pool", message, { host });
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
  const filters = { label: [`${LABEL.run}=${runId}`] };
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

/** Wider routes, such as the default one, give way to a network's own: they occupy nothing. */
const poolRoutes = (routes: readonly Subnet[]): Subnet[] => routes.filter(({ prefix }) => prefix >= POOL.prefix);
