#!/usr/bin/env node
/** Large meshes on MEMORY tables, through the product: deviation, and what all containers take together. */

import { MemoryWatch } from "#bench/support/containers";
import { runOnce } from "#bench/support/meshbench";
import { runBench } from "#bench/support/program";

const MEDIUM = { nodes: 32, rate: 5_000 };
const LARGE = { nodes: 64, rate: 2_000 };
const DEVIATION_LIMIT_PCT = 1;
const TOTAL_LIMIT_GB = 10;

await runBench({
  name: "memory-engine",
  description: "N = 32 and N = 64 on MEMORY tables",
  options: { duration: [60, "seconds of each main loop"] },
  async measure({ duration }) {
    const load = { duration: `${duration}s`, database: { engine: "memory" } };
    const medium = await runOnce({ ...load, ...MEDIUM });
    const [large, peaks] = await new MemoryWatch().during(() => runOnce({ ...load, ...LARGE }));
    return {
      tables: [
        {
          title: `MEMORY engine, ${duration} s`,
          columns: ["", "status", "worst deviation %"],
          rows: [medium, large].map((row) => [
            `N = ${row.nodes}, D = ${row.rate_per_min}`,
            row.status,
            row.deviation_pct ?? "–",
          ]),
        },
      ],
      goals: [
        {
          what: `worst deviation at N = ${MEDIUM.nodes}, D = ${MEDIUM.rate}`,
          value: medium.deviation_pct ?? undefined,
          bound: "at most",
          limit: DEVIATION_LIMIT_PCT,
          unit: " %",
        },
        {
          what: `memory of all containers at N = ${LARGE.nodes}, D = ${LARGE.rate}, a run that ended ${large.status}`,
          value: large.status === "VALID" ? peaks.totalMb / 1000 : undefined,
          bound: "at most",
          limit: TOTAL_LIMIT_GB,
          unit: " GB",
        },
      ],
    };
  },
});
