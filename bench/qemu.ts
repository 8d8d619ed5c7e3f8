#!/usr/bin/env node
/**
 * The same points on containers and on virtual machines of this host, in turn: how long a machine takes until its database
 * answers, and what nodes in machines take to find each other. Needs root, and `qemu: {}` in hosts.yaml. Without KVM the
 * figures are those of an emulator: they are shown, and held against nothing.
 */

import { runSweep } from "#bench/support/meshbench";
import { runBench } from "#bench/support/program";
import type { RunRow } from "#model/result-row";
import { median } from "#model/statistics";

const SIZE = { cpus: 1, memory: "512MiB" };
const ENVIRONMENTS = { containers: { provider: "docker", ...SIZE }, vms: { provider: "qemu", ...SIZE } };
/** One shows booting alone; of four an emulator on two processors starts each from one that has booted before. */
const NODES = [1, 2, 4];
const MESH = 2;
const SYNC_LIMIT = 1.5;

const FIGURES = {
  "until all databases answer, s": (row) => row.provision_s,
  "sync, s": (row) => row.sync_s,
  "deviation, %": (row) => row.deviation_pct,
  "remote p99, ms": (row) => row.lateness_remote_p99_ms,
  "teardown, s": (row) => row.teardown_s,
} as const satisfies Record<string, (row: RunRow) => number | null>;

await runBench({
  name: "qemu",
  description: "medians of containers and virtual machines on the same points",
  options: { runs: [3, "runs of each point"], rate: [600, "tuples a minute"], seconds: [5, "of the main loop"] },
  async measure({ runs, rate, seconds }) {
    const load = { rate, aggregation: 10, duration: `${seconds}s`, warmup: "0s", repetitions: runs };
    const all = await runSweep({ ...load, matrix: { nodes: NODES }, environments: ENVIRONMENTS });
    const rows = all.filter(({ status }) => status === "VALID");
    const figureOf = (arm: string, nodes: number, read: (row: RunRow) => number | null): number | undefined => {
      const ofPoint = rows.filter((row) => row.environment === arm && row.nodes === nodes);
      const values = ofPoint.map(read).filter((value) => value !== null);
      return values.length === 0 ? undefined : median(values);
    };
    const isolation = all.find(({ environment }) => environment === "vms")?.isolation ?? "unknown";
    const [vmSync, containerSync] = ["vms", "containers"].map((arm) => figureOf(arm, MESH, FIGURES["sync, s"]));
    return {
      tables: NODES.map((nodes) => ({
        title: `N = ${nodes}, D = ${rate}/min, medians of at most ${runs} VALID runs`,
        columns: ["", "containers", isolation],
        rows: Object.entries(FIGURES).map(([name, read]) => {
          const [containers, vms] = Object.keys(ENVIRONMENTS).map((arm) => figureOf(arm, nodes, read) ?? "none");
          return [name, containers ?? "none", vms ?? "none"];
        }),
      })),
      goals:
        isolation === "tcg"
          ? []
          : [
              {
                what: `sync of virtual machines over that of containers, N = ${MESH}`,
                value: vmSync === undefined || !containerSync ? undefined : vmSync / containerSync,
                bound: "at most",
                limit: SYNC_LIMIT,
                unit: "",
              },
            ],
    };
  },
});
