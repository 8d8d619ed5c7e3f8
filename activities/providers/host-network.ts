/**
 * Networks on this machine itself, for nodes that no engine makes: native ones and virtual machines. One run, one network.
 *
 * The bridge is in a network namespace of its own, so that no firewall rule of the machine sees what the nodes send each
 * other: where bridged frames pass iptables (`bridge-nf-call-iptables`), Docker's rules would drop them. A pair of
 * interfaces leads out of it; the machine's end has the gateway's address, from which the worker reaches the nodes.
 *
 * What a network is stands in a file with its labels, written before anything is made and removed last. Its interfaces
 * carry the labels too.
 */

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { withFileLock } from "#activities/file-lock";
import { ignoring } from "#activities/ignoring";
import { chooseSubnet, gatewayAddress, nodeAddress, poolRoutes } from "#activities/providers/address-pool";
import { createUnlessThere, removeIfThere, runHostCommand } from "#activities/providers/host-command";
import { readHostRoutes } from "#activities/providers/host-routes";
import { closeToOutside, openToOutside } from "#activities/providers/host-uplink";
import { formatSubnet, parseSubnet } from "#activities/providers/ipv4";
import type { Subnet } from "#activities/providers/ipv4";
import { labelsOf } from "#activities/providers/labels";
import type { LabelledResource } from "#activities/providers/provider";
import { isRunId, LABEL } from "#model/ids";

const STATE_DIR = "/run/meshbench-network";
const INTERFACES_DIR = "/sys/class/net";
/** Where `ip netns` keeps them. */
const NAMESPACES_DIR = "/run/netns";
const BRIDGE = "bridge";

/** A run's network, made by `ensure`. */
export interface HostNetwork {
  readonly runId: string;
  readonly host: string;
  readonly deadlineAt: string;
  readonly subnet: Subnet;
  readonly isOpen: boolean;
}

export interface WantedHostNetwork extends Omit<HostNetwork, "subnet"> {
  readonly nodes: number;
}

const networkFile = z.object({
  runId: z.string(),
  host: z.string(),
  deadlineAt: z.string(),
  subnet: z.string().transform((text, context) => {
    const subnet = parseSubnet(text);
    if (subnet) return subnet;
    context.addIssue({ code: "custom", message: "no IPv4 block" });
    return z.NEVER;
  }),
  /** Its nodes reach what is outside of it, such as resolvers. */
  isOpen: z.boolean(),
  /** Nothing of it is missing. */
  isReady: z.boolean(),
});
type NetworkRecord = z.infer<typeof networkFile>;

/** The namespace with the run's bridge, as `ip netns` and `nsenter --net=/run/netns/…` know it. */
export const networkNamespace = (runId: string): string => `meshbench-${runId}`;

/** A native node's own namespace; a VM has none. */
export const nodeNamespace = (runId: string, nodeIndex: number): string => `meshbench-${runId}-n${nodeIndex}`;

export const namespacePath = (namespace: string): string => join(NAMESPACES_DIR, namespace);

/** A node's end at the bridge; in the network's namespace, so that every run has the same names. */
const portName = (nodeIndex: number): string => `n${nodeIndex}`;

/** The machine's end of the network. Interface names have 15 characters at most. */
const gatewayInterface = (runId: string): string =>
  `mb${createHash("sha256").update(runId).digest("hex").slice(0, 12)}`;

export class HostNetworks {
  readonly #stateDir: string;

  /** @param stateDir - The same for all installations on the machine. */
  constructor(stateDir = STATE_DIR) {
    this.#stateDir = stateDir;
  }

  /**
   * The run's network: the existing one, or a new one.
   * @throws {BenchError} `address pool`, `engine unavailable` (a program that is missing).
   */
  async ensure(wanted: WantedHostNetwork, signal: AbortSignal): Promise<HostNetwork> {
    signal.throwIfAborted();
    return this.#exclusively(async () => {
      signal.throwIfAborted();
      const record = (await this.#read(wanted.runId)) ?? (await this.#allocate(wanted));
      if (record.isReady) return record;
      // No node is in it yet: half a network of a worker that died is made again.
      await removeParts(record);
      await buildNetwork(record);
      await this.#write({ ...record, isReady: true });
      return record;
    });
  }

  /** @returns `undefined` where the run has none, or not yet a whole one. */
  async find(runId: string): Promise<HostNetwork | undefined> {
    const record = await this.#read(runId);
    return record?.isReady ? record : undefined;
  }

  /** Connects a namespace of the node's own, `nodeNamespace`, with its address on `eth0`. Safe to repeat. */
  async connectNamespace(network: HostNetwork, nodeIndex: number): Promise<void> {
    const { runId, subnet } = network;
    const [bridgeSide, nodeSide] = [networkNamespace(runId), nodeNamespace(runId, nodeIndex)];
    const port = portName(nodeIndex);
    const pair = ["link", "add", port, "netns", bridgeSide, "type", "veth", "peer", "name", "eth0", "netns", nodeSide];
    const address = `${nodeAddress(network, nodeIndex)}/${subnet.prefix}`;
    await createUnlessThere("ip", ["netns", "add", nodeSide]);
    await createUnlessThere("ip", pair);
    await attachPort(network, nodeIndex);
    await runHostCommand("ip", ["-n", nodeSide, "link", "set", "dev", "lo", "up"]);
    await runHostCommand("ip", ["-n", nodeSide, "address", "replace", address, "dev", "eth0"]);
    await runHostCommand("ip", ["-n", nodeSide, "link", "set", "dev", "eth0", "up"]);
    if (!network.isOpen) return;
    const route = ["route", "replace", "default", "via", gatewayAddress(network)];
    await runHostCommand("ip", ["-n", nodeSide, ...route]);
  }

  /**
   * A tap for the node's virtual machine, at the bridge. Safe to repeat.
   * @returns Its name, in the namespace `networkNamespace`: whoever opens it has to be in there.
   */
  async connectTap(network: HostNetwork, nodeIndex: number): Promise<string> {
    const port = portName(nodeIndex);
    const add = ["-n", networkNamespace(network.runId), "tuntap", "add", "dev", port, "mode", "tap"];
    if (!(await hasPort(network.runId, port))) {
      await runHostCommand("ip", add).catch(async (error: unknown) => {
        // Where another worker was faster, the name is only busy.
        if (!(await hasPort(network.runId, port))) throw error;
      });
    }
    await attachPort(network, nodeIndex);
    return port;
  }

  /** Networks by their files, and interfaces whose labels are all that is left of one. */
  async list(): Promise<LabelledResource[]> {
    const records = await this.#list();
    const known = new Set(records.map(({ runId }) => gatewayInterface(runId)));
    const orphans = (await listLabelledInterfaces()).filter(({ name }) => !known.has(name));
    return [
      ...records.map(({ runId, host, deadlineAt }) => ({
        kind: "network" as const,
        id: gatewayInterface(runId),
        name: networkNamespace(runId),
        runId,
        host,
        deadlineAt,
      })),
      ...orphans,
    ];
  }

  /**
   * The run's network on this host with all that is connected to it; what used it has ended before.
   * @returns How many of those that `list` tells there were.
   */
  async remove(runId: string, host: string): Promise<number> {
    const isOurs = (one: { runId: string; host: string }) => one.runId === runId && one.host === host;
    if (!(await this.list()).some(isOurs)) return 0;
    return this.#exclusively(async () => {
      const found = (await this.list()).filter(isOurs);
      if (found.length === 0) return 0;
      await removeParts({ runId });
      await rm(this.#path(runId), { force: true });
      return found.length;
    });
  }

  async #allocate(wanted: WantedHostNetwork): Promise<NetworkRecord> {
    const others = (await this.#list()).map(({ subnet }) => subnet);
    const subnet = chooseSubnet(wanted, [...poolRoutes(await readHostRoutes()), ...others]);
    const { runId, host, deadlineAt, isOpen } = wanted;
    const record = { runId, host, deadlineAt, subnet, isOpen, isReady: false };
    await this.#write(record);
    return record;
  }

  async #exclusively<T>(action: () => Promise<T>): Promise<T> {
    await mkdir(this.#stateDir, { recursive: true, mode: 0o700 });
    return withFileLock(join(this.#stateDir, ".lock"), action);
  }

  async #list(): Promise<NetworkRecord[]> {
    const names = await readdir(this.#stateDir).catch(emptyWhereMissing);
    const runIds = names.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -".json".length));
    const records = await Promise.all(runIds.filter(isRunId).map((runId) => this.#read(runId)));
    return records.filter((record) => record !== undefined);
  }

  async #read(runId: string): Promise<NetworkRecord | undefined> {
    const text = await ignoring("ENOENT", readFile(this.#path(runId), "utf8"));
    return text === undefined ? undefined : networkFile.parse(JSON.parse(text));
  }

  /** Whole or not at all. */
  async #write(record: NetworkRecord): Promise<void> {
    const path = this.#path(record.runId);
    await writeFile(`${path}.new`, JSON.stringify({ ...record, subnet: formatSubnet(record.subnet) }));
    await rename(`${path}.new`, path);
  }

  #path(runId: string): string {
    if (!isRunId(runId)) throw new RangeError(`not a run id: ${JSON.stringify(runId)}`);
    return join(this.#stateDir, `${runId}.json`);
  }
}

async function buildNetwork(network: HostNetwork): Promise<void> {
  const { runId, subnet } = network;
  const [namespace, gateway] = [networkNamespace(runId), gatewayInterface(runId)];
  const inside = (...args: string[]) => runHostCommand("ip", ["-n", namespace, ...args]);
  await runHostCommand("ip", ["netns", "add", namespace]);
  const pair = ["link", "add", gateway, "type", "veth", "peer", "name", "uplink", "netns", namespace];
  await runHostCommand("ip", pair);
  await runHostCommand("ip", ["link", "set", "dev", gateway, "alias", aliasOf(network)]);
  await inside("link", "add", BRIDGE, "type", "bridge");
  await inside("link", "set", "dev", "uplink", "master", BRIDGE, "up");
  await inside("link", "set", "dev", BRIDGE, "alias", aliasOf(network), "up");
  await runHostCommand("ip", ["address", "add", `${gatewayAddress(network)}/${subnet.prefix}`, "dev", gateway]);
  await runHostCommand("ip", ["link", "set", "dev", gateway, "up"]);
  if (network.isOpen) await openToOutside(network);
}

async function attachPort(network: HostNetwork, nodeIndex: number): Promise<void> {
  const set = ["link", "set", "dev", portName(nodeIndex), "alias", aliasOf(network, nodeIndex), "master", BRIDGE, "up"];
  await runHostCommand("ip", ["-n", networkNamespace(network.runId), ...set]);
}

async function hasPort(runId: string, port: string): Promise<boolean> {
  const links = await runHostCommand("ip", ["-n", networkNamespace(runId), "-json", "link", "show"]);
  return (JSON.parse(links) as { ifname: string }[]).some(({ ifname }) => ifname === port);
}

/** The machine's end first: a namespace's interfaces go some time after it. */
async function removeParts({ runId }: Pick<HostNetwork, "runId">): Promise<void> {
  await closeToOutside(runId);
  await removeIfThere("ip", ["link", "delete", "dev", gatewayInterface(runId)]);
  const namespaces = await readdir(NAMESPACES_DIR).catch(emptyWhereMissing);
  for (const name of namespaces.filter((one) => isNamespaceOf(one, runId))) {
    await removeIfThere("ip", ["netns", "delete", name]);
  }
}

function isNamespaceOf(name: string, runId: string): boolean {
  const base = networkNamespace(runId);
  return name === base || (name.startsWith(`${base}-n`) && /^\d+$/.test(name.slice(base.length + 2)));
}

const aliasOf = ({ runId, host, deadlineAt }: HostNetwork, nodeIndex?: number): string => {
  const owner = { runId, host, deadlineAt, ...(nodeIndex !== undefined && { nodeIndex }) };
  return Object.entries(labelsOf(owner))
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
};

async function listLabelledInterfaces(): Promise<LabelledResource[]> {
  const names = await readdir(INTERFACES_DIR);
  const resources = await Promise.all(names.map(async (name) => toResource(name, await readAlias(name))));
  return resources.filter((resource) => resource !== undefined);
}

async function readAlias(name: string): Promise<string> {
  // It may be gone by now, and not every entry there is an interface.
  return readFile(join(INTERFACES_DIR, name, "ifalias"), "utf8").catch(() => "");
}

/** Only the one that a run's network would have: what else carries such an alias is nothing that we could remove. */
function toResource(name: string, alias: string): LabelledResource | undefined {
  const labels = new Map(
    alias
      .trim()
      .split(" ")
      .map((pair) => pair.split("=", 2) as [string, string]),
  );
  const [runId = "", host = "", deadlineAt = ""] = [LABEL.run, LABEL.host, LABEL.deadline].map((label) =>
    labels.get(label),
  );
  if (!isRunId(runId) || gatewayInterface(runId) !== name) return undefined;
  return { kind: "interface", id: name, name, runId, host, deadlineAt };
}

function emptyWhereMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === "ENOENT") return [];
  throw error;
}
