#!/usr/bin/env node
/** How far apart N = 15 nodes leave the barrier, both ways, through the product. */

import { runSweep } from "#bench/support/meshbench";
import { runBench } from "#bench/support/program";
import type { RunRow } from "#model/result-row";
import { RELEASES } from "#model/spec";
import { quantile } from "#model/statistics";

const SKEW_LIMIT_MS = 3;
const QUANTILES = [0, 0.5, 0.95, 1];

await runBench({
  name: "barrier",
  description: "spread of the instants at which nodes leave the barrier",
  options: { runs: [7, "runs of each way"], nodes: [15, "nodes"] },
  async measure({ runs, nodes }) {
    const load = { nodes, rate: 3_000, duration: "2s", warmup: "1s", repetitions: runs };
    const rows = await runSweep({ ...load, matrix: { release: RELEASES } });
    const skewsOf = (release: RunRow["release"]) =>
      rows.flatMap((row) => (row.release === release && row.barrier_skew_ms !== null ? [row.barrier_skew_ms] : []));
    const agreed = skewsOf("agreed");
    return {
      tables: [
        {
          title: `First node's release to the last one's, ms, N = ${nodes}`,
          columns: ["release", "runs", "least", "p50", "p95", "most"],
          rows: RELEASES.map((release) => {
            const skews = skewsOf(release);
            const cells: (string | number)[] = [release, skews.length];
            return cells.concat(QUANTILES.map((p) => quantile(skews, p)));
          }),
        },
      ],
      goals: [
        {
          what: "p50 of the skew with `agreed`",
          value: agreed.length === 0 ? undefined : quantile(agreed, 0.5),
          bound: "at most",
          limit: SKEW_LIMIT_MS,
          unit: " ms",
        },
      ],
    };
  },
});
