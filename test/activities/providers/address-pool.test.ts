import { describe, expect, test } from "vitest";
import { freeSubnets, nodeAddress, prefixFor } from "#activities/providers/address-pool";
import { formatSubnet, parseSubnet } from "#activities/providers/ipv4";
import type { Subnet } from "#activities/providers/ipv4";

const blocksOf = (runId: string, taken: Subnet[] = []) => [...freeSubnets(runId, 24, taken)].map(formatSubnet);

describe("prefixFor", () => {
  test.for([
    [1, 24],
    [64, 24],
    [253, 24],
    [254, 23],
    [256, 23],
  ] as const)("%i nodes get a /%i", ([nodes, prefix]) => {
    expect(prefixFor(nodes)).toBe(prefix);
    expect(nodes + 3).toBeLessThanOrEqual(2 ** (32 - prefix));
  });
});

test("node 1 has the lowest address, and 256 nodes fit between gateway and broadcast", () => {
  const network = { id: "id", subnet: { base: 0xc6120400, prefix: 23 } };
  expect([1, 2, 256].map((index) => nodeAddress(network, index))).toEqual(["198.18.4.2", "198.18.4.3", "198.18.5.1"]);
});

describe("freeSubnets", () => {
  test("offers the whole pool, from a place of the run's own", () => {
    expect(new Set(blocksOf("run-1")).size).toBe(512);
    expect(blocksOf("run-1")[0]).toBe(blocksOf("run-1")[0]);
    expect(blocksOf("run-1")[0]).not.toBe(blocksOf("run-2")[0]);
  });

  test("stays within the part of it that a run may have", () => {
    const part = [...freeSubnets("run-1", 24, [], parseSubnet("198.19.0.0/16"))].map(formatSubnet);
    expect(part).toHaveLength(256);
    for (const block of part) expect(block).toMatch(/^198\.19\./);
  });

  test("leaves out whatever touches a block that is taken", () => {
    const taken = ["198.18.0.0/16", "198.19.255.128/25"].map((text) => parseSubnet(text)!);
    const free = blocksOf("run-1", taken);
    expect(free).toHaveLength(255);
    expect(free).not.toContain("198.19.255.0/24");
  });
});
