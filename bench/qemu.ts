#!/usr/bin/env node
/**
 * The same points on containers and on virtual machines of this host, in turn: how long a machine takes until its database
 * answers, and what nodes in machines take to find each other. Needs root, and `qemu: {}` in hosts.yaml. Without KVM the
 * figures are those of an emulator: they are shown, and held against nothing.
 */

import { medianOf, tablesOfArms } from "#bench/support/arms";
import type { Figures } from "#bench/support/arms";
import { runSweep } from "#bench/support/meshbench";
import { runBench } from "#bench/support/program";
import type { Goal } from "#bench/support/report";
import type { RunRow } from "#model/result-row";

const SIZE = { cpus: 1, memory: "512MiB" };
const ENVIRONMENTS = { containers: { provider: "docker", ...SIZE }, vms: { provider: "qemu", ...SIZE } };
/** One shows booting alone; of four an emulator on two processors starts each from one that has booted before. */
const NODES = [1, 2, 4];
const MESH = 2;
const SYNC_LIMIT = 1.5;

const syncSec = (row: RunRow) => row.sync_s;
const FIGURES: Figures = {
  "until all databases answer, s": (row) => row.provision_s,
  "sync, s": syncSec,
  "deviation, %": (row) => row.deviation_pct,
  "remote p99, ms": (row) => row.lateness_remote_p99_ms,
  "teardown, s": (row) => row.teardown_s,
};

await runBench({
  name: "qemu",
  description: "medians of containers and virtual machines on the same points",
  options: { runs: [3, "runs of each point"], rate: [600, "tuples a minute"], seconds: [5, "of the main loop"] },
  async measure({ runs, rate, seconds }) {
    const load = { rate, aggregation: 10, duration: `${seconds}s`, warmup: "0s", repetitions: runs };
    const rows = await runSweep({ ...load, matrix: { nodes: NODES }, environments: ENVIRONMENTS });
    const isolation = rows.find(({ environment }) => environment === "vms")?.isolation ?? "unknown";
    const arms = [
      { environment: "containers", title: "containers" },
      { environment: "vms", title: isolation },
    ];
    const of = `D = ${rate}/min, medians of at most ${runs} VALID runs`;
    const tables = tablesOfArms(rows, { nodes: NODES, arms, figures: FIGURES, of });
    const [containers, vms] = arms.map(({ environment }) => medianOf(rows, { environment, nodes: MESH }, syncSec));
    const goal: Goal = {
      what: `sync of virtual machines over that of containers, N = ${MESH}`,
      value: vms === undefined || !containers ? undefined : vms / containers,
      bound: "at most",
      limit: SYNC_LIMIT,
      unit: "",
    };
    return { tables, goals: isolation === "tcg" ? [] : [goal] };
  },
});
