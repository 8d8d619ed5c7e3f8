#!/usr/bin/env node
/** The same points on containers and on native nodes, in turn: what a container costs, step by step. Needs root. */

import { medianOf, tablesOfArms } from "#bench/support/arms";
import type { Figures } from "#bench/support/arms";
import { runSweep } from "#bench/support/meshbench";
import { runBench } from "#bench/support/program";
import type { RunRow } from "#model/result-row";

const SIZE = { cpus: 2, memory: "1GiB" };
const ENVIRONMENTS = { containers: { provider: "docker", ...SIZE }, native: { provider: "process", ...SIZE } };
const NODES = [2, 4, 8];
const SYNC_LIMIT = 1.5;

const syncSec = (row: RunRow) => row.sync_s;
const FIGURES: Figures = {
  "provision, s": (row) => row.provision_s,
  "sync, s": syncSec,
  "deviation, %": (row) => row.deviation_pct,
  "local p50, ms": (row) => row.lateness_local_p50_ms,
  "local p99, ms": (row) => row.lateness_local_p99_ms,
  "remote p99, ms": (row) => row.lateness_remote_p99_ms,
  "teardown, s": (row) => row.teardown_s,
};

await runBench({
  name: "native-vs-docker",
  description: "medians of containers and native nodes on the same points",
  options: { runs: [6, "runs of each point"], rate: [5000, "tuples a minute"], seconds: [10, "of the main loop"] },
  async measure({ runs, rate, seconds }) {
    const load = { rate, duration: `${seconds}s`, warmup: "1s", repetitions: runs, matrix: { nodes: NODES } };
    const rows = await runSweep({ ...load, environments: ENVIRONMENTS });
    const arms = Object.keys(ENVIRONMENTS).map((environment) => ({ environment, title: environment }));
    const of = `D = ${rate}/min, medians of at most ${runs} VALID runs`;
    const syncRatios = NODES.flatMap((nodes) => {
      const [containers, native] = arms.map(({ environment }) => medianOf(rows, { environment, nodes }, syncSec));
      return native === undefined || !containers ? [] : [native / containers];
    });
    return {
      tables: tablesOfArms(rows, { nodes: NODES, arms, figures: FIGURES, of }),
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
