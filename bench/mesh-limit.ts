#!/usr/bin/env node
/** The largest rate that the mesh keeps up with, N = 15 on InnoDB, through the product: batched beside literal. */

import { runOnce } from "#bench/support/meshbench";
import { runBench } from "#bench/support/program";
import type { Table } from "#bench/support/report";
import type { RunRow } from "#model/result-row";

const DEVIATION_LIMIT_PCT = 1;
const BATCHED_RATES = [5_000, 7_500, 10_000, 12_500, 15_000, 20_000, 25_000];
/** With the least of them a run of 30 s is one batch. */
const LITERAL_RATES = [200, 250, 400];

/** By halving: deviation grows with the rate. */
async function findLargestRate(
  client: RunRow["client"],
  rates: readonly number[],
  { nodes, duration }: { nodes: number; duration: number },
): Promise<Table> {
  const tried = new Map<number, number>();
  let [low, high] = [0, rates.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const rate = rates[middle] as number;
    const { deviation_pct } = await runOnce({ nodes, rate, duration: `${duration}s`, client });
    const worstPct = deviation_pct ?? Number.POSITIVE_INFINITY;
    tried.set(rate, worstPct);
    if (worstPct <= DEVIATION_LIMIT_PCT) low = middle + 1;
    else high = middle;
  }
  const largest = low === 0 ? `none from ${rates[0]} on` : String(rates[low - 1]);
  return {
    title: `${client}: largest rate with ≤ ${DEVIATION_LIMIT_PCT} % at ${duration} s: ${largest}`,
    columns: ["tuples/min", "worst deviation %"],
    rows: [...tried].toSorted(([a], [b]) => a - b).map(([rate, worstPct]) => [String(rate), worstPct]),
  };
}

await runBench({
  name: "mesh-limit",
  description: "largest rate with a worst deviation of 1 %, batched and literal",
  options: { duration: [30, "seconds of each main loop"], nodes: [15, "nodes"] },
  async measure(size) {
    const batched = await findLargestRate("batched", BATCHED_RATES, size);
    const literal = await findLargestRate("literal", LITERAL_RATES, size);
    return { tables: [batched, literal], goals: [] };
  },
});
