#!/usr/bin/env node
/**
 * How many rows one connection's worth of node program inserts, beside sysbench: single rows into its own database over
 * the socket, batches into a peer's. Clients and server share one CPU: between two idle ones every statement would pay
 * for a wake-up, and the figures would be the machine's.
 */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { note, runBench } from "#bench/support/program";
import { runSysbench } from "#bench/support/sysbench";
import { PEER_ACCOUNT } from "#model/node-protocol";
import { median } from "#model/statistics";
import { LOCAL_TEST_USER, startLocalDatabases } from "#test/support/local-database";
import type { LocalDatabase, LocalDatabases } from "#test/support/local-database";
import { bundleProgram, PEER_PASSWORD, runNodes } from "#test/support/node-processes";

const execute = promisify(execFile);

const LOCAL_SHARE = 0.4;
const PEER_SHARE = 0.8;
const BATCH_ROWS = 100;
/** A tuple every 60 ns: all are due at once. */
const FLAT_OUT_PER_MIN = 1e9;
/** The node program's, in a node. */
const V8_OPTIONS = ["--max-semi-space-size=1", "--max-old-space-size=96"];

/** Rows per second. */
interface Round {
  readonly local: number;
  readonly localSysbench: number;
  readonly peer: number;
  readonly peerSysbench: number;
}

class FlatOut {
  readonly #databases: LocalDatabases;
  readonly #rows: number;

  constructor(databases: LocalDatabases, rows: number) {
    this.#databases = databases;
    this.#rows = rows;
  }

  async measureRound(): Promise<Round> {
    return {
      localSysbench: await this.#localSysbench(),
      local: await this.#local(),
      peerSysbench: await this.#peerSysbench(),
      peer: await this.#peer(),
    };
  }

  async #local(): Promise<number> {
    const load = { ratePerMin: FLAT_OUT_PER_MIN, tupleCount: this.#rows, aggregation: BATCH_ROWS };
    const [outcome] = await runNodes(this.#databases, { mode: "replicated", ...load });
    if (!outcome?.result) throw new Error(`the node failed: ${outcome?.failure?.message ?? "it did not say why"}`);
    return this.#rows / outcome.result.elapsedSec;
  }

  async #localSysbench(): Promise<number> {
    await this.#databases.reset("innodb");
    const target = { socketPath: this.#database.socketPath, user: LOCAL_TEST_USER };
    return this.#rows / (await runSysbench({ script: "single-row.lua", events: this.#rows, target }));
  }

  async #peer(): Promise<number> {
    await this.#databases.reset("innodb");
    const writer = join(import.meta.dirname, "support", "peer-writer.ts");
    const load = [this.#database.address, PEER_ACCOUNT, String(this.#peerBatches), String(BATCH_ROWS)];
    const env = { ...process.env, PEER_PASSWORD };
    const { stdout } = await execute(process.execPath, [...V8_OPTIONS, writer, ...load], { env });
    return (this.#peerBatches * BATCH_ROWS) / Number(stdout);
  }

  async #peerSysbench(): Promise<number> {
    await this.#databases.reset("innodb");
    const target = { address: this.#database.address, user: PEER_ACCOUNT, password: PEER_PASSWORD };
    const sec = await runSysbench({ script: "multi-row.lua", events: this.#peerBatches, target });
    return (this.#peerBatches * BATCH_ROWS) / sec;
  }

  get #database(): LocalDatabase {
    return this.#databases.all[0] as LocalDatabase;
  }

  /** Batches are several times as fast as single rows. */
  get #peerBatches(): number {
    return Math.ceil((4 * this.#rows) / BATCH_ROWS);
  }
}

/** This process and all that it starts from now on. */
const stayOnOneCpu = (cpu: number) => execute("taskset", ["-acp", String(cpu), String(process.pid)]);

await runBench({
  name: "flat-out",
  description: "rows per second of one node, beside sysbench on the same database",
  options: {
    rounds: [7, "rounds of all four measurements"],
    rows: [40_000, "single rows of a round"],
    cpu: [1, "the CPU that clients and server share"],
  },
  async measure({ rounds, rows, cpu }) {
    await stayOnOneCpu(cpu);
    const databases = await startLocalDatabases(1, PEER_PASSWORD);
    const figures: Round[] = [];
    try {
      await bundleProgram(databases);
      const flatOut = new FlatOut(databases, rows);
      for (let round = 1; round <= rounds; round++) {
        note(`round ${round} of ${rounds}`);
        figures.push(await flatOut.measureRound());
      }
    } finally {
      await databases.stop();
    }
    const medianOf = (of: (round: Round) => number) => median(figures.map(of));
    const localShare = medianOf(({ local, localSysbench }) => local / localSysbench);
    const peerShare = medianOf(({ peer, peerSysbench }) => peer / peerSysbench);
    return {
      tables: [
        {
          title: "Rows per second, medians; ratios round by round",
          columns: ["", "node", "sysbench", "ratio"],
          rows: [
            [
              "single rows, own database",
              medianOf((round) => round.local),
              medianOf((r) => r.localSysbench),
              localShare,
            ],
            ["rows in batches, a peer's", medianOf((round) => round.peer), medianOf((r) => r.peerSysbench), peerShare],
          ],
        },
      ],
      goals: [
        {
          what: "local single rows, share of sysbench's prepared ones",
          value: localShare,
          bound: "at least",
          limit: LOCAL_SHARE,
          unit: "",
        },
        {
          what: `${BATCH_ROWS}-row statements to a peer, share of sysbench's`,
          value: peerShare,
          bound: "at least",
          limit: PEER_SHARE,
          unit: "",
        },
      ],
    };
  },
});
