#!/usr/bin/env node
/** What the two processes of a node take of the memory, N = 15, through the product. */

import { MemoryWatch } from "#bench/support/containers";
import { evidenceOf, runOnce } from "#bench/support/meshbench";
import { runBench } from "#bench/support/program";
import { median } from "#model/statistics";

const PROGRAM_LIMIT_MB = 45;
const DATABASE_LIMIT_MB = 60;

await runBench({
  name: "memory",
  description: "PSS of node program and database at N = 15",
  options: {
    duration: [30, "seconds of main loop"],
    nodes: [15, "nodes"],
    rate: [5_000, "tuples per node per minute"],
  },
  async measure({ duration, nodes, rate }) {
    const watch = new MemoryWatch();
    const [row, peaks] = await watch.during(() => runOnce({ nodes, rate, duration: `${duration}s` }));
    await evidenceOf(row);
    const programs = peaks.nodes.map(({ programMb }) => programMb);
    const databases = peaks.nodes.map(({ databaseMb }) => databaseMb);
    const [programMb, databaseMb] = [Math.max(...programs), Math.max(...databases)];
    return {
      tables: [
        {
          title: `PSS in MB, N = ${nodes}, D = ${rate}, the largest seen of each node`,
          columns: ["", "median node", "largest node"],
          rows: [
            ["node program", median(programs), programMb],
            ["database", median(databases), databaseMb],
            ["container, as the engine counts", peaks.totalMb / nodes, ""],
          ],
        },
      ],
      goals: [
        { what: "node program", value: programMb, bound: "at most", limit: PROGRAM_LIMIT_MB, unit: " MB" },
        { what: "database", value: databaseMb, bound: "at most", limit: DATABASE_LIMIT_MB, unit: " MB" },
      ],
    };
  },
});
