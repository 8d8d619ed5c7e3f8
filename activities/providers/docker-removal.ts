/** Everything of one run on an engine: found by its label, and gone afterwards. */

import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerInfo, NetworkInspectInfo } from "dockerode";
import pLimit from "p-limit";
import { removeContainer } from "#activities/providers/docker-container";
import { isStatus } from "#activities/providers/docker-engine";
import type { DockerEngine } from "#activities/providers/docker-engine";
import type { LabelledResource } from "#activities/providers/provider";
import { BenchError } from "#model/errors";
import { LABEL } from "#model/ids";

export interface LabelledOnEngine {
  readonly containers: readonly ContainerInfo[];
  readonly networks: readonly NetworkInspectInfo[];
}

/** Removals that are under way when they are asked for again take a moment. */
const ROUNDS = 8;
const FIRST_PAUSE_MS = 50;

interface Whose {
  readonly runId?: string;
  readonly host?: string;
}

/** What carries the labels, in every state, but not the lease, which goes last and by itself. */
export async function listLabelledOnEngine(engine: DockerEngine, whose: Whose = {}): Promise<LabelledOnEngine> {
  const [containers, networks] = await Promise.all([
    listContainers(engine, whose),
    engine.read("list networks", undefined, (docker, abortSignal) =>
      docker.listNetworks({ filters: filtersFor(whose), abortSignal }),
    ),
  ]);
  return { containers, networks };
}

/** The containers of `listLabelledOnEngine`, for those who ask often. */
export async function listContainers(engine: DockerEngine, whose: Whose): Promise<ContainerInfo[]> {
  const containers = await engine.read("list containers", undefined, (docker, abortSignal) =>
    docker.listContainers({ all: true, filters: filtersFor(whose), abortSignal }),
  );
  return containers.filter(({ Labels }) => Labels[LABEL.token] === undefined);
}

function filtersFor({ runId, host }: Whose): { label: string[] } {
  const ofRun = runId === undefined ? LABEL.run : `${LABEL.run}=${runId}`;
  return { label: [ofRun, ...(host === undefined ? [] : [`${LABEL.host}=${host}`])] };
}

export function describeLabelled({ containers, networks }: LabelledOnEngine): LabelledResource[] {
  return [
    ...containers.map(({ Id, Names, Labels }) =>
      describeResource("container", Id, Names[0]?.replace(/^\//, "") ?? Id, Labels),
    ),
    ...networks.map(({ Id, Name, Labels }) => describeResource("network", Id, Name, Labels ?? {})),
  ];
}

function describeResource(
  kind: LabelledResource["kind"],
  id: string,
  name: string,
  labels: Readonly<Record<string, string>>,
): LabelledResource {
  const { [LABEL.run]: runId = "", [LABEL.host]: host = "", [LABEL.deadline]: deadlineAt = "" } = labels;
  const { [LABEL.node]: node } = labels;
  return { kind, id, name, runId, host, deadlineAt, ...(node !== undefined && { node: Number(node) }) };
}

/**
 * Removes the run's containers on this host, then its networks, and looks again until nothing is left.
 * @returns How many there were.
 * @throws {BenchError} `engine unavailable` when something stays.
 */
export async function removeRun(engine: DockerEngine, whose: Required<Whose>, concurrency: number): Promise<number> {
  const removed = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const left = await listLabelledOnEngine(engine, whose);
    if (left.containers.length + left.networks.length === 0) return removed.size;
    if (round > 0) await sleep(FIRST_PAUSE_MS * 2 ** round);
    for (const { Id } of [...left.containers, ...left.networks]) removed.add(Id);
    await removeContainers(engine, left.containers, concurrency);
    for (const network of left.networks) await removeNetwork(engine, network);
  }
  throw new BenchError("engine unavailable", `resources of run ${whose.runId} could not be removed`);
}

async function removeContainers(
  engine: DockerEngine,
  containers: readonly ContainerInfo[],
  concurrency: number,
): Promise<void> {
  const limit = pLimit(concurrency);
  const removals = containers.map(({ Id }) =>
    limit(() => engine.converge(undefined, () => removeContainer(engine, Id))),
  );
  // All of them are tried: one that cannot be removed does not keep the others.
  const failed = (await Promise.allSettled(removals)).find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}

/** A network whose last container is just going still has endpoints: the next round gets it. */
async function removeNetwork(engine: DockerEngine, { Id, Name }: NetworkInspectInfo): Promise<void> {
  try {
    await engine.converge(undefined, async () => {
      await disconnectStrangers(engine, Id);
      await engine.call(`remove network ${Name}`, undefined, (docker) => docker.getNetwork(Id).remove());
    });
  } catch (error) {
    if (!isStatus(error, 403, 404, 409)) throw error;
  }
}

/** Whoever joined the run's network from outside, say to look into it, would keep it alive: it only loses this network. */
async function disconnectStrangers(engine: DockerEngine, networkId: string): Promise<void> {
  const { Containers = {} } = await engine.call(`inspect network ${networkId}`, undefined, (docker) =>
    docker.getNetwork(networkId).inspect(),
  );
  for (const container of Object.keys(Containers)) {
    await engine.call(`disconnect ${container} from ${networkId}`, undefined, (docker) =>
      docker.getNetwork(networkId).disconnect({ Container: container, Force: true }),
    );
  }
}
