#!/usr/bin/env node
/** How exactly a node without peers keeps its schedule, and what that costs; beside sysbench with the same rate. */

import { note, runBench } from "#bench/support/program";
import type { Goal, Table } from "#bench/support/report";
import { runSysbench } from "#bench/support/sysbench";
import type { NodeResult } from "#model/node-protocol";
import { deviationPct } from "#model/run-row";
import { median } from "#model/statistics";
import { LOCAL_TEST_USER, startLocalDatabases } from "#test/support/local-database";
import type { LocalDatabases } from "#test/support/local-database";
import { bundleProgram, PEER_PASSWORD, runNodes } from "#test/support/node-processes";

const CPU_LIMITS_PCT = new Map([
  [5_000, 8],
  [60_000, 16],
  [180_000, 26],
]);
const DEVIATION_LIMIT_PCT = 0.05;
const LATENESS_LIMIT_MS = 8;
const SYSBENCH_SHARE = 1 / 20;
const WARMUP_SEC = 1;

interface Round {
  readonly result: NodeResult;
  readonly sysbenchErrorPct: number;
}

class RateFigures {
  readonly ratePerMin: number;
  readonly rounds: Round[] = [];

  constructor(ratePerMin: number) {
    this.ratePerMin = ratePerMin;
  }

  get deviationPct(): number {
    return this.#median(({ result }) => Math.abs(deviationPct(result.elapsedSec, result.expectedSec)));
  }

  get sysbenchErrorPct(): number {
    return this.#median(({ sysbenchErrorPct }) => sysbenchErrorPct);
  }

  get latenessP99Ms(): number {
    return this.#median(({ result }) => result.latenessLocal.p99Ms);
  }

  get cpuPct(): number {
    return this.#median(({ result }) => (100 * (result.cpuUserSec + result.cpuSystemSec)) / result.elapsedSec);
  }

  #median(of: (round: Round) => number): number {
    return median(this.rounds.map(of));
  }
}

async function measureRound(databases: LocalDatabases, ratePerMin: number, durationSec: number): Promise<Round> {
  const tupleCount = (ratePerMin * durationSec) / 60;
  const run = { mode: "replicated", ratePerMin, tupleCount, aggregation: 100, warmupSec: WARMUP_SEC } as const;
  const [outcome] = await runNodes(databases, run);
  if (!outcome?.result) throw new Error(`the node failed: ${outcome?.failure?.message ?? "it did not say why"}`);
  return { result: outcome.result, sysbenchErrorPct: await measureSysbench(databases, ratePerMin, durationSec) };
}

async function measureSysbench(databases: LocalDatabases, ratePerMin: number, durationSec: number): Promise<number> {
  await databases.reset("innodb");
  // It takes whole numbers per second only.
  const rate = Math.round(ratePerMin / 60);
  const { socketPath } = databases.all[0] as (typeof databases.all)[number];
  const target = { socketPath, user: LOCAL_TEST_USER };
  const sec = await runSysbench({ script: "single-row.lua", events: rate * durationSec, rate, target });
  return Math.abs(deviationPct(sec, durationSec));
}

function tableOf(figures: readonly RateFigures[]): Table {
  return {
    title: "One node without peers, medians",
    columns: ["tuples/min", "deviation %", "sysbench --rate %", "lateness p99 ms", "program CPU %"],
    rows: figures.map((rate) => [
      String(rate.ratePerMin),
      rate.deviationPct,
      rate.sysbenchErrorPct,
      rate.latenessP99Ms,
      rate.cpuPct,
    ]),
  };
}

function goalsOf(rate: RateFigures): Goal[] {
  const at = `at ${rate.ratePerMin}/min`;
  const bound = "at most";
  const cpuLimitPct = CPU_LIMITS_PCT.get(rate.ratePerMin) as number;
  return [
    { what: `|deviation| ${at}`, value: rate.deviationPct, bound, limit: DEVIATION_LIMIT_PCT, unit: " %" },
    { what: `p99 lateness ${at}`, value: rate.latenessP99Ms, bound, limit: LATENESS_LIMIT_MS, unit: " ms" },
    { what: `program's CPU ${at}`, value: rate.cpuPct, bound, limit: cpuLimitPct, unit: " % of a core" },
  ];
}

/** Over all rates and rounds: sysbench draws its pauses, so that a single error of it is small or large by chance. */
function goalBesideSysbench(figures: readonly RateFigures[]): Goal {
  const rounds = figures.flatMap((rate) => rate.rounds);
  const ours = rounds.reduce(
    (sum, { result }) => sum + Math.abs(deviationPct(result.elapsedSec, result.expectedSec)),
    0,
  );
  const theirs = rounds.reduce((sum, { sysbenchErrorPct }) => sum + sysbenchErrorPct, 0);
  const what = "mean |deviation|, share of sysbench's mean error";
  return { what, value: ours / theirs, bound: "at most", limit: SYSBENCH_SHARE, unit: "" };
}

await runBench({
  name: "pacing",
  description: "how exactly one node keeps its schedule, beside sysbench --rate",
  options: {
    duration: [30, "seconds of each measurement"],
    rounds: [3, "measurements of each rate, ours and sysbench's in turn"],
  },
  async measure({ duration, rounds }) {
    const figures = [...CPU_LIMITS_PCT.keys()].map((ratePerMin) => new RateFigures(ratePerMin));
    const databases = await startLocalDatabases(1, PEER_PASSWORD);
    try {
      await bundleProgram(databases);
      for (let round = 1; round <= rounds; round++) {
        for (const rate of figures) {
          note(`round ${round} of ${rounds}: ${rate.ratePerMin} tuples per minute`);
          rate.rounds.push(await measureRound(databases, rate.ratePerMin, duration));
        }
      }
    } finally {
      await databases.stop();
    }
    return { tables: [tableOf(figures)], goals: [...figures.flatMap(goalsOf), goalBesideSysbench(figures)] };
  },
});
