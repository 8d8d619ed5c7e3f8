import type Docker from "dockerode";
import type { NetworkCreateOptions, NetworkInspectInfo } from "dockerode";
import { describe, expect, test } from "vitest";
import { DockerEngine } from "#activities/providers/docker-engine";
import { freeSubnets } from "#activities/providers/address-pool";
import { ensureNetwork } from "#activities/providers/docker-network";
import { formatSubnet } from "#activities/providers/ipv4";
import type { Subnet } from "#activities/providers/ipv4";
import { LABEL } from "#model/ids";

const POOL: Subnet = { base: 0xc6120000, prefix: 15 };
const { signal } = new AbortController();
const WANTED = { runId: "run-1", host: "here", deadlineAt: "2030-01-01T00:00:00.000Z", nodes: 2, isOpen: false };

/** An engine with networks only, which refuses blocks like the real one. */
function fakeEngine({ isRefused = (_block: string): boolean => false } = {}) {
  const networks: NetworkInspectInfo[] = [];
  const asked: string[] = [];
  const docker = {
    listNetworks: async () => networks,
    createNetwork: async ({ Name, IPAM, Labels }: NetworkCreateOptions) => {
      const block = IPAM?.Config?.[0]?.Subnet ?? "";
      asked.push(block);
      if (isRefused(block)) {
        const json = { message: "Pool overlaps with other one on this address space" };
        throw Object.assign(new Error(json.message), { statusCode: 403, json });
      }
      const Created = new Date(networks.length).toISOString();
      networks.push({ Name, Id: `id-${networks.length}`, IPAM, Labels, Created } as NetworkInspectInfo);
    },
  } as unknown as Docker;
  return { engine: new DockerEngine(docker, "here"), networks, asked };
}

const foreignNetwork = (block: string): NetworkInspectInfo =>
  ({ Name: "foreign", Id: "foreign", Created: "", IPAM: { Config: [{ Subnet: block }] } }) as NetworkInspectInfo;

const ownNetwork = (Id: string, block: string, year: number): NetworkInspectInfo => ({
  ...foreignNetwork(block),
  Id,
  Created: `${year}-01-01T00:00:00Z`,
  Labels: { [LABEL.run]: WANTED.runId, [LABEL.host]: WANTED.host },
});

describe("ensureNetwork", () => {
  test("takes the next block where the engine says that one is in use", async () => {
    const [first, second] = [...freeSubnets("run-1", 24, [])].map(formatSubnet);
    const { engine, networks, asked } = fakeEngine({ isRefused: (block) => block === first });
    const network = await ensureNetwork(engine, WANTED, [], signal);
    expect(asked).toEqual([first, second]);
    expect(formatSubnet(network.subnet)).toBe(second);
    expect(networks).toHaveLength(1);
  });

  test("goes around blocks that the host routes elsewhere, not around its default route", async () => {
    const [first, second] = [...freeSubnets("run-1", 24, [])];
    const routes = [first!, { base: 0, prefix: 0 }];
    const network = await ensureNetwork(fakeEngine().engine, WANTED, routes, signal);
    expect(network.subnet).toEqual(second);
  });

  test.for([
    { why: "networks fill the pool", networks: [foreignNetwork("198.18.0.0/15")], routes: [] },
    { why: "a route covers the pool", networks: [], routes: [POOL] },
  ])("says how many stand in the way, and makes nothing, where $why", async ({ networks, routes }) => {
    const fake = fakeEngine();
    fake.networks.push(...networks);
    await expect(ensureNetwork(fake.engine, WANTED, routes, signal)).rejects.toMatchObject({
      kind: "address pool",
      message: expect.stringContaining("1 networks and routes"),
    });
    expect(fake.networks).toEqual(networks);
  });

  test("ends where the engine refuses every block", async () => {
    const { engine, networks, asked } = fakeEngine({ isRefused: () => true });
    await expect(ensureNetwork(engine, WANTED, [], signal)).rejects.toMatchObject({ kind: "address pool" });
    expect(asked).toHaveLength(512);
    expect(networks).toEqual([]);
  });

  test("adopts the oldest where two workers made one each", async () => {
    const { engine, networks } = fakeEngine();
    networks.push(ownNetwork("younger", "198.18.2.0/24", 2025), ownNetwork("older", "198.18.1.0/24", 2024));
    expect(await ensureNetwork(engine, WANTED, [], signal)).toMatchObject({ id: "older" });
  });

  test("adopts none of another host, whatever run its label names", async () => {
    const { engine, networks } = fakeEngine();
    const decoy = ownNetwork("decoy", "198.18.1.0/24", 2024);
    networks.push({ ...decoy, Labels: { ...decoy.Labels, [LABEL.host]: "elsewhere" } });
    expect(await ensureNetwork(engine, WANTED, [], signal)).not.toMatchObject({ id: "decoy" });
  });
});
