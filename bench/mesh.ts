#!/usr/bin/env node
/**
 * The whole mesh through the product. Interleaved: the batched and the literal client take turns, so that what else the
 * machine does meets both.
 */

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

await runBench({
  name: "mesh",
  description: "deviation and CPU of the whole mesh, batched beside literal",
  options: {
    duration: [60, "seconds of main loop"],
    rounds: [1, "rounds of batched and literal"],
  },
  async measure({ duration, rounds }) {
    const { table, goals } = await compareClients(rounds, duration);
    return { tables: [table], goals };
  },
});
