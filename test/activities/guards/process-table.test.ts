import { expect, test } from "vitest";
import { ownCpuBetween, ownershipOf } from "#activities/guards/process-table";
import type { Process } from "#activities/guards/process-table";

const NODE_ID = "a".repeat(64);
const WORKER = 50;

function process(pid: number, parent: number, name: string, args: readonly string[] = []): Process {
  return { pid, parent, name, args, startTicks: pid, cpuSec: 1, childrenCpuSec: 10 };
}

const SHIM = "containerd-shim";
const MACHINE: Process[] = [
  process(1, 0, "systemd"),
  process(2, 0, "kthreadd"),
  process(3, 2, "ksoftirqd/0"),
  process(10, 1, "dockerd"),
  process(11, 10, "containerd"),
  process(20, 1, SHIM, ["-id", NODE_ID]),
  process(21, 20, "init"),
  process(22, 21, "mariadbd"),
  process(30, 1, SHIM, ["-id", "b".repeat(64)]),
  process(31, 30, "somebody-else"),
  process(40, 1, "supervisor"),
  process(41, 40, "temporal"),
  process(WORKER, 40, "node"),
  process(51, WORKER, "esbuild"),
  process(60, 40, "neighbour"),
  process(70, 1, "node (vitest)"),
  process(71, 70, "mariadbd"),
  process(80, 1, "stress"),
  process(81, 10, "runc"),
];

const pidsOf = (...groups: readonly ReadonlyMap<string, Process>[]) =>
  groups.flatMap((group) => [...group.values()].map(({ pid }) => pid)).sort((a, b) => a - b);

test("own are nodes, worker, Temporal, engine, kernel threads, the test runner, and who started the worker", () => {
  const { families, alone, foreign } = ownershipOf(MACHINE, { workerPid: WORKER, nodeIds: [NODE_ID] });
  expect(pidsOf(families)).toEqual([20, 21, 22, 41, WORKER, 51, 70, 71]);
  expect(pidsOf(alone)).toEqual([1, 2, 3, 10, 11, 40]);
  expect(pidsOf(foreign)).toEqual([30, 31, 60, 80, 81]);
});

test("a container that is no node of the run is foreign, whatever engine it runs on", () => {
  const { foreign, carriers } = ownershipOf(MACHINE, { workerPid: WORKER, nodeIds: [] });
  expect(pidsOf(foreign)).toEqual(expect.arrayContaining([20, 21, 22, 30, 31]));
  expect(carriers.size).toBe(0);
});

const OWNERS = { workerPid: WORKER, nodeIds: [NODE_ID] };

/** The same machine later: some have ended, some have used more, also through children that ended. */
function later(ended: readonly number[], used: Readonly<Record<number, Partial<Process>>> = {}) {
  const left = MACHINE.filter(({ pid }) => !ended.includes(pid));
  return ownershipOf(
    left.map((one) => Object.assign({ ...one }, used[one.pid])),
    OWNERS,
  );
}

const changes: [what: string, after: ReturnType<typeof later>, sec: number][] = [
  ["nothing", later([]), 0],
  ["a node's work", later([], { 22: { cpuSec: 1.5 } }), 0.5],
  ["a stranger's work", later([], { 80: { cpuSec: 9 }, 31: { cpuSec: 9 } }), 0],
  ["an engine's work, but not that of what it built", later([], { 10: { cpuSec: 1.5, childrenCpuSec: 99 } }), 0.5],
  ["the last work of a member that its parent waited for", later([51], { [WORKER]: { childrenCpuSec: 21.5 } }), 0.5],
  ["a member's end that nobody of ours waited for", later([41], { 22: { cpuSec: 1.5 } }), 0.5],
  ["a whole family's end", later([70, 71], { 22: { cpuSec: 1.5 } }), 0.5],
];
test.for(changes)("%s is counted once", ([, after, sec]) => {
  expect(ownCpuBetween(ownershipOf(MACHINE, OWNERS), after)).toBeCloseTo(sec, 9);
});

test("a process that becomes own brings no past along", () => {
  const renamed = MACHINE.map((one) => (one.pid === 80 ? Object.assign({ ...one }, { name: "temporal" }) : one));
  const after = ownershipOf(renamed, OWNERS);
  expect(pidsOf(after.families)).toContain(80);
  expect(ownCpuBetween(ownershipOf(MACHINE, OWNERS), after)).toBe(0);
});

test("a process that leaves its family takes nothing away from it", () => {
  const moved = MACHINE.map((one) => (one.pid === 51 ? Object.assign({ ...one }, { parent: 1, cpuSec: 3 }) : one));
  const after = ownershipOf(moved, OWNERS);
  expect(pidsOf(after.foreign)).toContain(51);
  expect(ownCpuBetween(ownershipOf(MACHINE, OWNERS), after)).toBe(0);
});

test("a new member counts with all it has used", () => {
  const after = ownershipOf([...MACHINE, process(99, 22, "mariadbd-dump")], OWNERS);
  expect(ownCpuBetween(ownershipOf(MACHINE, OWNERS), after)).toBe(11);
});

test("carriers are found by the node's id, engines are named with their process", () => {
  const { carriers, engines } = ownershipOf(MACHINE, { workerPid: WORKER, nodeIds: [NODE_ID] });
  expect(carriers.get(NODE_ID)?.pid).toBe(20);
  expect(engines).toEqual(["dockerd, process 10,"]);
});

test("an engine that none of the run's containers is on is nobody's business", () => {
  const own = "/run/own/containerd";
  const machine = MACHINE.map((one) => {
    if (one.pid === 11) return Object.assign({ ...one }, { args: ["--config", `${own}/containerd.toml`] });
    return one.pid === 20
      ? Object.assign({ ...one }, { args: [...one.args, "-address", `${own}/containerd.sock`] })
      : one;
  });
  const other = process(90, 1, "dockerd");
  const all = [...machine, other, process(91, 90, "containerd", ["--config", "/run/other/containerd.toml"])];
  expect(ownershipOf(all, OWNERS).engines).toEqual(["dockerd, process 10,"]);
  expect(ownershipOf([...MACHINE, other], OWNERS).engines).toHaveLength(2);
});

test("what a carrier forks carries nothing, though it has its arguments", () => {
  const forked = process(25, 20, SHIM, ["-id", NODE_ID]);
  const { carriers, families } = ownershipOf([...MACHINE, forked], { workerPid: WORKER, nodeIds: [NODE_ID] });
  expect(carriers.get(NODE_ID)?.pid).toBe(20);
  expect(pidsOf(families)).toEqual(expect.arrayContaining([20, 21, 22, 25]));
});

test("a table that is torn, with parents in a circle, ends as well", () => {
  const torn = [process(5, 6, "a"), process(6, 5, "b"), process(7, 999, "c")];
  expect(pidsOf(ownershipOf(torn, { workerPid: 5, nodeIds: [] }).families)).toEqual([5, 6]);
});
