import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { gatewayAddress, nodeAddress } from "#activities/providers/address-pool";
import { HostNetworks, namespacePath, networkNamespace, nodeNamespace } from "#activities/providers/host-network";
import { formatSubnet, overlaps } from "#activities/providers/ipv4";
import { newRunId } from "#test/support/provider-contract";

const { signal } = new AbortController();
const stateDir = mkdtempSync(join(tmpdir(), "meshbench-network-"));
const networks = new HostNetworks(stateDir);
const HOST = "here";
const DEADLINE_AT = "2126-01-01T00:00:00.000Z";
const runIds: string[] = [];

afterEach(async () => {
  for (const runId of runIds.splice(0)) await networks.remove(runId, HOST);
});

afterAll(() => rmSync(stateDir, { recursive: true }));

function newNetwork({ isOpen = false } = {}) {
  const runId = newRunId();
  runIds.push(runId);
  return { runId, host: HOST, deadlineAt: DEADLINE_AT, nodes: 2, isOpen };
}

/** Others may be at work on this machine. */
const listOwn = async (runId: string) => (await networks.list()).filter((one) => one.runId === runId);

const inNamespace = (name: string, ...command: string[]): string =>
  execFileSync("nsenter", [`--net=${namespacePath(name)}`, "--", ...command], { encoding: "utf8" });

/** Nothing listens there: what comes back is a refusal, or nothing. */
const CONNECT = `require("node:net").connect({ host: process.argv[1], port: 1, timeout: 2000 })
  .on("timeout", () => console.log("silence")).on("error", ({ code }) => console.log(code))`;

const answerOf = (namespace: string, address: string): string =>
  inNamespace(namespace, process.execPath, "-e", CONNECT, address).trim();

/** All rules of the machine, as iptables shows them. */
const rules = (): string =>
  ["nat", "filter"].map((table) => execFileSync("iptables", ["-t", table, "-S"], { encoding: "utf8" })).join("");

const namespacesOf = (runId: string): string[] => readdirSync("/run/netns").filter((name) => name.includes(runId));

test("nodes reach each other and the machine, past the machine's own rules for what it forwards", async () => {
  const wanted = newNetwork();
  const network = await networks.ensure(wanted, signal);
  await Promise.all([1, 2].map((index) => networks.connectNamespace(network, index)));
  const node = nodeNamespace(wanted.runId, 1);
  for (const address of [nodeAddress(network, 2), gatewayAddress(network)]) {
    expect(answerOf(node, address)).toBe("ECONNREFUSED");
  }
  expect(answerOf(node, "192.0.2.1")).toBe("ENETUNREACH");
});

test("a network is made once for two workers, and every connection of a node, too", async () => {
  const wanted = newNetwork();
  const others = new HostNetworks(stateDir);
  const [network, same] = await Promise.all([networks.ensure(wanted, signal), others.ensure(wanted, signal)]);
  expect(same.subnet).toEqual(network.subnet);
  await Promise.all([networks.connectNamespace(network, 1), others.connectNamespace(network, 1)]);
  expect(namespacesOf(wanted.runId)).toHaveLength(2);
});

test("two runs at the same moment get addresses of their own", async () => {
  const [one, two] = await Promise.all([newNetwork(), newNetwork()].map((wanted) => networks.ensure(wanted, signal)));
  expect(overlaps(one!.subnet, two!.subnet)).toBe(false);
});

test("half a network of a worker that died is made whole", async () => {
  const wanted = newNetwork();
  const { subnet } = await networks.ensure(wanted, signal);
  const file = join(stateDir, `${wanted.runId}.json`);
  execFileSync("ip", ["link", "delete", "dev", (await listOwn(wanted.runId))[0]!.id]);
  const { nodes: _, ...labels } = wanted;
  writeFileSync(file, JSON.stringify({ ...labels, subnet: formatSubnet(subnet), isReady: false }));
  expect(await networks.find(wanted.runId)).toBeUndefined();
  const network = await networks.ensure(wanted, signal);
  await networks.connectNamespace(network, 1);
  expect(answerOf(nodeNamespace(wanted.runId, 1), gatewayAddress(network))).toBe("ECONNREFUSED");
});

test("interfaces tell whose they are where the file is gone, and are removed by that", async () => {
  const wanted = newNetwork();
  await networks.ensure(wanted, signal);
  rmSync(join(stateDir, `${wanted.runId}.json`));
  const { runId } = wanted;
  expect(await listOwn(runId)).toMatchObject([{ kind: "interface", runId, host: HOST, deadlineAt: DEADLINE_AT }]);
  expect(await networks.remove(runId, "elsewhere")).toBe(0);
  expect(await networks.remove(runId, HOST)).toBe(1);
  expect(await listOwn(runId)).toEqual([]);
  expect(namespacesOf(runId)).toEqual([]);
});

test("a virtual machine's tap is at the bridge, once", async () => {
  const wanted = newNetwork();
  const network = await networks.ensure(wanted, signal);
  const tap = await networks.connectTap(network, 1);
  expect(await networks.connectTap(network, 1)).toBe(tap);
  const links = inNamespace(networkNamespace(wanted.runId), "ip", "-json", "link", "show", "dev", tap);
  expect(JSON.parse(links)).toMatchObject([{ ifname: tap, master: "bridge" }]);
});

test("an open network's rules go with it", async () => {
  const wanted = newNetwork({ isOpen: true });
  await networks.ensure(wanted, signal);
  expect(rules().split(wanted.runId)).toHaveLength(4);
  await networks.remove(wanted.runId, HOST);
  expect(rules()).not.toContain(wanted.runId);
});
