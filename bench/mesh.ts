#!/usr/bin/env node
/**
 * The whole mesh through the product. Interleaved: the batched and the literal client take turns, so that what else the
 * machine does meets both.
 */

import { MemoryWatch } from "#bench/support/containers";
import { evidenceOf, runOnce } from "#bench/support/meshbench";
import { note, runBench } from "#bench/support/program";
import type { Goal, Table } from "#bench/support/report";
import type { RunRow } from "#model/result-row";
import { median } from "#model/statistics";

const NODES = 15;
const RATE = 5_000;
const LITERAL_RATE = 250;
const DEVIATION_LIMIT_PCT = 0.3;
const CPU_SHARE = 1 / 8;

/** Where the largest rate is looked for. */
const LIMIT_SEC = 30;
const LIMIT_DEVIATION_PCT = 1;
const BATCHED_RATES = [5_000, 7_500, 10_000, 12_500, 15_000, 20_000, 25_000, 30_000];
/** With the least of them the run is one batch. */
const LITERAL_RATES = [200, 250, 300, 400, 500];

const MEMORY_DEVIATION_LIMIT_PCT = 1;
const MEMORY_TOTAL_LIMIT_GB = 10;

interface ClientFigures {
  readonly worstPct: number;
  readonly cpuUsPerInsert: number;
  readonly inserts: number;
}

async function measureClient(client: RunRow["client"], rate: number, durationSec: number): Promise<ClientFigures> {
  const row = await runOnce({ nodes: NODES, rate, duration: `${durationSec}s`, client });
  const { results } = await evidenceOf(row);
  const inserts = NODES * row.tuples_per_db_expected;
  const cpuSec = results.reduce((sum, { nodeCpuSec }) => sum + (nodeCpuSec ?? Number.NaN), 0);
  return { worstPct: row.deviation_pct as number, cpuUsPerInsert: (1e6 * cpuSec) / inserts, inserts };
}

async function compareClients(rounds: number, durationSec: number): Promise<{ table: Table; goals: Goal[] }> {
  const batched: ClientFigures[] = [];
  const literal: ClientFigures[] = [];
  for (let round = 1; round <= rounds; round++) {
    note(`round ${round} of ${rounds}: batched at ${RATE}, then literal at ${LITERAL_RATE}`);
    batched.push(await measureClient("batched", RATE, durationSec));
    literal.push(await measureClient("literal", LITERAL_RATE, durationSec));
  }
  const share = median(
    batched.map(({ cpuUsPerInsert }, i) => cpuUsPerInsert / (literal[i] as ClientFigures).cpuUsPerInsert),
  );
  const worstPct = median(batched.map((figures) => figures.worstPct));
  const rowOf = (client: string, rate: number, figures: readonly ClientFigures[]) => [
    `${client}, D = ${rate}`,
    median(figures.map((one) => one.worstPct)),
    median(figures.map((one) => one.cpuUsPerInsert)),
    median(figures.map((one) => one.inserts)),
  ];
  return {
    table: {
      title: `InnoDB, N = ${NODES}, ${durationSec} s, medians of ${rounds} rounds`,
      columns: ["client", "worst deviation %", "CPU µs per insert", "inserts"],
      rows: [rowOf("batched", RATE, batched), rowOf("literal", LITERAL_RATE, literal)],
    },
    goals: [
      {
        what: `worst deviation, InnoDB, N = ${NODES}, D = ${RATE}`,
        value: worstPct,
        bound: "at most",
        limit: DEVIATION_LIMIT_PCT,
        unit: " %",
      },
      {
        what: "CPU per insert, share of the literal client's",
        value: share,
        bound: "at most",
        limit: CPU_SHARE,
        unit: "",
      },
    ],
  };
}

/** By halving: deviation grows with the rate. */
async function findLargestRate(client: RunRow["client"], rates: readonly number[]): Promise<Table> {
  const tried = new Map<number, number>();
  let [low, high] = [0, rates.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const rate = rates[middle] as number;
    const { deviation_pct } = await runOnce({ nodes: NODES, rate, duration: `${LIMIT_SEC}s`, client });
    const worstPct = deviation_pct ?? Number.POSITIVE_INFINITY;
    tried.set(rate, worstPct);
    if (worstPct <= LIMIT_DEVIATION_PCT) low = middle + 1;
    else high = middle;
  }
  const largest = low === 0 ? `none from ${rates[0]} on` : String(rates[low - 1]);
  return {
    title: `${client}: largest rate with ≤ ${LIMIT_DEVIATION_PCT} % at ${LIMIT_SEC} s: ${largest}`,
    columns: ["tuples/min", "worst deviation %"],
    rows: [...tried].toSorted(([a], [b]) => a - b).map(([rate, worstPct]) => [String(rate), worstPct]),
  };
}

async function measureMemoryEngine(durationSec: number): Promise<{ table: Table; goals: Goal[] }> {
  const load = { duration: `${durationSec}s`, database: { engine: "memory" } };
  const medium = await runOnce({ ...load, nodes: 32, rate: 5_000 });
  const [large, peaks] = await new MemoryWatch().during(() => runOnce({ ...load, nodes: 64, rate: 2_000 }));
  return {
    table: {
      title: `MEMORY engine, ${durationSec} s`,
      columns: ["", "status", "worst deviation %"],
      rows: [medium, large].map((row) => [
        `N = ${row.nodes}, D = ${row.rate_per_min}`,
        row.status,
        row.deviation_pct ?? "–",
      ]),
    },
    goals: [
      {
        what: "worst deviation, MEMORY, N = 32, D = 5000",
        value: medium.deviation_pct ?? undefined,
        bound: "at most",
        limit: MEMORY_DEVIATION_LIMIT_PCT,
        unit: " %",
      },
      {
        what: `memory of all containers, N = 64, D = 2000, which ended ${large.status}`,
        value: large.status === "VALID" ? peaks.totalMb / 1000 : undefined,
        bound: "at most",
        limit: MEMORY_TOTAL_LIMIT_GB,
        unit: " GB",
      },
    ],
  };
}

await runBench({
  name: "mesh",
  description: "deviation and CPU of the whole mesh, batched beside literal, and the MEMORY engine",
  options: {
    duration: [60, "seconds of main loop"],
    rounds: [1, "rounds of batched and literal"],
  },
  async measure({ duration, rounds }) {
    const clients = await compareClients(rounds, duration);
    const limits = [await findLargestRate("batched", BATCHED_RATES), await findLargestRate("literal", LITERAL_RATES)];
    const memory = await measureMemoryEngine(duration);
    return {
      tables: [clients.table, ...limits, memory.table],
      goals: [...clients.goals, ...memory.goals],
    };
  },
});
