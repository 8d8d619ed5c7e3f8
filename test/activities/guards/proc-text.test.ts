import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  parseCgroupCpu,
  parseCgroupPlace,
  parseCpuTimes,
  parseNetstat,
  parsePressureSec,
  parseProcessStat,
  parseSoftnet,
  sumOfStatColumns,
} from "#activities/guards/proc-text";

test("CPU time is counted over all processors, interrupts and steal apart", () => {
  const text = `cpu  286691 32491 158730 392132 2885 40 2898 947 0 0
cpu0 143539 15307 76903 200489 838 0 634 476 0 0
cpu1 143151 17184 81827 191643 2046 0 2263 471 0 0
intr 118306870 0 0 0
ctxt 185021434
`;
  expect(parseCpuTimes(text)).toEqual({ cpus: 2, busySec: 4779.12, irqSec: 29.38, stealSec: 9.47 });
});

test("softnet counters are hexadecimal, one line for each processor", () => {
  const text = `00080534 00000002 0000000a 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
00094456 00000010 00000005 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000001
`;
  expect(parseSoftnet(text)).toEqual({ dropped: 18, squeezed: 15 });
});

const CONNTRACK = `entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error  expect_new expect_create expect_delete search_restart
00000068  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 00000002 00000000 00000000  00000000 00000000 00000000 00000000
00000068  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000020 00000001 00000000  00000000 00000000 00000000 00000000
`;
const NEIGHBOURS = `entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast rcv_probes_ucast periodic_gc_runs forced_gc_runs unresolved_discards table_fulls
00000002 00000182 0000015d 00000000   000008f0 00000255 0000005f   00000000         00000000         00000000         00000000       00000000            00000003
00000002 000001f9 0000021c 00000003   00000a3a 000002e9 0000005c   00000000         00000000         00000130         00000000       00000000            0000000f
`;

test("tables of the network are summed by the names of their columns", () => {
  expect(sumOfStatColumns(CONNTRACK, ["insert_failed", "drop", "early_drop"])).toBe(36);
  expect(sumOfStatColumns(NEIGHBOURS, ["table_fulls"])).toBe(18);
});

test("a column that a kernel does not have is unknown, not zero", () => {
  expect(sumOfStatColumns(NEIGHBOURS, ["drop"])).toBeNull();
  expect(parsePressureSec("")).toBeNull();
  expect(parseNetstat("", "TcpExt").get("ListenDrops")).toBeUndefined();
  expect(parseCgroupCpu(undefined)).toEqual({ cpuSec: null, throttledSec: null, throttledPeriods: null });
});

test("counters of TCP are found by name", () => {
  const text = `TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPTimeouts
TcpExt: 0 12 13 14
IpExt: InNoRoutes InTruncatedPkts
IpExt: 1 2
`;
  const counters = parseNetstat(text, "TcpExt");
  expect(["ListenOverflows", "ListenDrops", "TCPTimeouts"].map((name) => counters.get(name))).toEqual([12, 13, 14]);
  expect(parseNetstat(text, "IpExt").get("InTruncatedPkts")).toBe(2);
});

test("pressure is the time in which somebody waited for a processor", () => {
  const text = `some avg10=10.52 avg60=19.84 avg300=43.46 total=1885856432
full avg10=0.00 avg60=0.00 avg300=0.00 total=0
`;
  expect(parsePressureSec(text)).toBeCloseTo(1885.856432, 6);
});

test("both versions of cgroups tell CPU time and throttling", () => {
  const first = `nr_periods 20\nnr_throttled 5\nthrottled_time 1500000000\nnr_bursts 0\nburst_time 0\n`;
  expect(parseCgroupCpu(first, "2500000000\n")).toEqual({ cpuSec: 2.5, throttledSec: 1.5, throttledPeriods: 5 });
  const second = `usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 20\nnr_throttled 5\nthrottled_usec 1500000\n`;
  expect(parseCgroupCpu(second)).toEqual({ cpuSec: 2.5, throttledSec: 1.5, throttledPeriods: 5 });
});

const places: [what: string, text: string, version: 1 | 2, path: string][] = [
  ["version 1", "11:cpu,cpuacct:/docker/abc\n10:memory:/docker/abc\n", 1, "/docker/abc"],
  ["version 1 in another order", "4:cpuset:/x\n3:cpuacct,cpu:/docker/abc\n", 1, "/docker/abc"],
  ["a mixed set-up", "2:cpuacct:/docker/abc\n1:cpu:/docker/abc\n0::/system.slice\n", 1, "/docker/abc"],
  ["version 2", "0::/system.slice/docker-abc.scope\n", 2, "/system.slice/docker-abc.scope"],
];
test.for(places)("a process's place is found with %s", ([, text, version, path]) => {
  expect(parseCgroupPlace(text)).toEqual({ version, path });
});

test("a process may have any name, and its fields are still found", () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(), fc.nat(), (name, cpuTicks, startTicks) => {
      const fields = `S 1 9 9 0 -1 4194560 0 0 0 0 ${cpuTicks} 100 200 300 20 0 1 0 ${startTicks} 0 0`;
      expect(parseProcessStat(`4711 (${name}) ${fields}\n`)).toEqual({
        pid: 4711,
        parent: 1,
        name,
        startTicks,
        cpuSec: (cpuTicks + 100) / 100,
        childrenCpuSec: 5,
      });
    }),
  );
});

test("what is no process is none", () => {
  for (const text of ["", "4711", "4711 (x) S 1"]) expect(parseProcessStat(text)).toBeUndefined();
});
