import { expect, test } from "vitest";
import { parseRouteTable, readHostRoutes } from "#activities/providers/host-routes";
import { formatSubnet } from "#activities/providers/ipv4";

const TABLE = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
br-1\t000012C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth0\t07D8A8C0\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0
`;

test("routes are read as the kernel prints them", () => {
  expect(parseRouteTable(TABLE).map(formatSubnet)).toEqual(["0.0.0.0/0", "198.18.0.0/24", "192.168.216.7/32"]);
});

test("a table that is none is an error, not an empty one", () => {
  expect(() => parseRouteTable("header\neth0 nonsense 0 0 0 0 0 00FFFFFF")).toThrow("unreadable route table");
});

test("a machine without such a table has no routes to avoid", async () => {
  expect(await readHostRoutes("/nonexistent/route")).toEqual([]);
});
