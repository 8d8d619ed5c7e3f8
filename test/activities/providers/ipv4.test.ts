import { describe, expect, test } from "vitest";
import { addressIn, formatSubnet, overlaps, parseSubnet, subnetsOf } from "#activities/providers/ipv4";
import type { Subnet } from "#activities/providers/ipv4";

const subnet = (text: string): Subnet => {
  const parsed = parseSubnet(text);
  if (!parsed) throw new Error(`no subnet: ${text}`);
  return parsed;
};

describe("parseSubnet", () => {
  test.for(["198.18.0.0/15", "0.0.0.0/0", "255.255.255.255/32"])("reads %s back as it was", (text) => {
    expect(formatSubnet(subnet(text))).toBe(text);
  });

  test.for(["fd00::/64", "198.18.0.0", ""])("is undefined for %j", (text) => {
    expect(parseSubnet(text)).toBeUndefined();
  });
});

test.for([
  ["198.18.0.0/15", "198.19.255.0/24", true],
  ["198.18.4.0/24", "198.18.0.0/15", true],
  ["198.18.4.0/24", "198.18.4.0/24", true],
  ["198.18.4.0/24", "198.18.5.0/24", false],
  ["0.0.0.0/0", "198.18.5.0/24", true],
  ["172.17.0.0/16", "198.18.0.0/15", false],
] as const)("%s and %s share addresses: %s", ([a, b, expected]) => {
  expect(overlaps(subnet(a), subnet(b))).toBe(expected);
});

test("addresses count on across the last byte", () => {
  expect(addressIn(subnet("198.18.4.0/23"), 256)).toBe("198.18.5.0");
});

test("blocks of a pool come each once, from any start on", () => {
  const blocks = [...subnetsOf(subnet("198.18.0.0/15"), 17, 4_294_967_295)].map(formatSubnet);
  expect(blocks).toEqual(["198.19.128.0/17", "198.18.0.0/17", "198.18.128.0/17", "198.19.0.0/17"]);
});
