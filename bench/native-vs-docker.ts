#!/usr/bin/env node
/** The same points on containers and on native nodes, in turn: what a container costs, step by step. Needs root. */

import { runSweep } from "#bench/support/meshbench";
import { runBench } from "#bench/support/program";
import type { RunRow } from "#model/result-row";
import { median } from "#model/statistics";

const SIZE = { cpus: 2, memory: "1GiB" };
const ENVIRONMENTS = { containers: { provider: "docker", ...SIZE }, native: { provider: "process", ...SIZE } };
const NODES = [2, 4, 8];
const SYNC_LIMIT = 1.5;

const FIGURES = {
  "provision, s": (row) => row.provision_s,
  "sync, s": (row) => row.sync_s,
  "deviation, %": (row) => row.deviation_pct,
  "local p50, ms": (row) => row.lateness_local_p50_ms,
  "local p99, ms": (row) => row.lateness_local_p99_ms,
  "remote p99, ms": (row) => row.lateness_remote_p99_ms,
  "teardown, s": (row) => row.teardown_s,
} as const satisfies Record<string, (row: RunRow) => number | null>;

await runBench({
  name: "native-vs-docker",
  description: "medians of containers and native nodes on the same points",
  options: { runs: [6, "runs of each point"], rate: [5000, "tuples a minute"], seconds: [10, "of the main loop"] },
  async measure({ runs, rate, seconds }) {
    const load = { rate, duration: `${seconds}s`, warmup: "1s", repetitions: runs, matrix: { nodes: NODES } };
    const rows = (await runSweep({ ...load, environments: ENVIRONMENTS })).filter(({ status }) => status === "VALID");
    const figureOf = (arm: string, nodes: number, read: (row: RunRow) => number | null): number | undefined => {
      const ofPoint = rows.filter((row) => row.environment === arm && row.nodes === nodes);
      const values = ofPoint.map(read).filter((value) => value !== null);
      return values.length === 0 ? undefined : median(values);
    };
    const syncRatios = NODES.flatMap((nodes) => {
      const [native, containers] = ["native", "containers"].map((arm) => figureOf(arm, nodes, FIGURES["sync, s"]));
      return native === undefined || !containers ? [] : [native / containers];
    });
    return {
      tables: NODES.map((nodes) => ({
        title: `N = ${nodes}, D = ${rate}/min, medians of at most ${runs} VALID runs`,
        columns: ["", ...Object.keys(ENVIRONMENTS)],
        rows: Object.entries(FIGURES).map(([name, read]) => {
          const [containers, native] = Object.keys(ENVIRONMENTS).map((arm) => figureOf(arm, nodes, read) ?? "none");
          return [name, containers ?? "none", native ?? "none"];
        }),
      })),
      goals: [
        {
          what: "sync of native nodes over that of containers, largest of all N",
          value: syncRatios.length < NODES.length ? undefined : Math.max(...syncRatios),
          bound: "at most",
          limit: SYNC_LIMIT,
          unit: "",
        },
      ],
    };
  },
});
