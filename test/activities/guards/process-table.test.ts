import { expect, test } from "vitest";
import { ownershipOf } from "#activities/guards/process-table";
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

const pidsOf = (processes: readonly Process[]) => processes.map(({ pid }) => pid).sort((a, b) => a - b);

test("own are nodes, worker, Temporal, engine, kernel threads, the test runner, and who started the worker", () => {
  const { own, foreign } = ownershipOf(MACHINE, { workerPid: WORKER, nodeIds: [NODE_ID] });
  expect(pidsOf(own)).toEqual([1, 2, 3, 10, 11, 20, 21, 22, 40, 41, WORKER, 51, 70, 71]);
  expect(pidsOf(foreign)).toEqual([30, 31, 60, 80, 81]);
});

test("a container that is no node of the run is foreign, whatever engine it runs on", () => {
  const { foreign, carriers } = ownershipOf(MACHINE, { workerPid: WORKER, nodeIds: [] });
  expect(pidsOf(foreign)).toEqual(expect.arrayContaining([20, 21, 22, 30, 31]));
  expect(carriers.size).toBe(0);
});

test("what a family's ended children used is its own, what an engine's used is not", () => {
  const { own, ownCpuSec } = ownershipOf(MACHINE, { workerPid: WORKER, nodeIds: [NODE_ID] });
  const family = [20, 21, 22, 41, WORKER, 51, 70, 71];
  expect(ownCpuSec).toBe(own.length + 10 * family.length);
});

test("carriers are found by the node's id, engines are named with their process", () => {
  const { carriers, engines } = ownershipOf(MACHINE, { workerPid: WORKER, nodeIds: [NODE_ID] });
  expect(carriers.get(NODE_ID)?.pid).toBe(20);
  expect(engines).toEqual(["dockerd, process 10,"]);
});

test("a table that is torn, with parents in a circle, ends as well", () => {
  const torn = [process(5, 6, "a"), process(6, 5, "b"), process(7, 999, "c")];
  expect(pidsOf(ownershipOf(torn, { workerPid: 5, nodeIds: [] }).own)).toEqual([5, 6]);
});
