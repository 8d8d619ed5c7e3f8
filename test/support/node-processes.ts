/** Node programs as real processes on `LocalDatabases`: what provider and worker do, in a few lines. */

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { NODE_ENV, PROTOCOL_VERSION } from "#model/node-protocol";
import type { Assignment, NodeFailure, NodePhase, NodeResult } from "#model/node-protocol";
import { DIGEST_SQL, formatDigest, tupleSeed } from "#model/tuples";
import type { TupleSeedParts } from "#model/tuples";
import { LOCAL_TEST_USER } from "#test/support/local-database";
import type { LocalDatabase, LocalDatabases } from "#test/support/local-database";

const PROGRAM = fileURLToPath(new URL("../../node/main.ts", import.meta.url));
export const PEER_PASSWORD = "peers-of-a-test";

/** A run as a test describes it; the rest is filled in. */
export type TestRun = Pick<Assignment, "mode" | "ratePerMin" | "tupleCount" | "aggregation"> & Partial<Assignment>;

export interface NodeOutcome {
  readonly exitCode: number | null;
  readonly phase: NodePhase;
  readonly result?: NodeResult;
  readonly failure?: NodeFailure;
}

/** Runs one program on each database until all have ended. */
export async function runNodes(
  databases: LocalDatabases,
  run: TestRun,
  env: NodeJS.ProcessEnv = {},
): Promise<NodeOutcome[]> {
  await databases.reset(run.engine ?? "innodb");
  const assignments = databases.all.map((_, i) => assignmentOf(databases, run, i + 1));
  const ended = databases.all.map((database, i) => startProgram(database, i + 1, env));
  await Promise.all(databases.all.map((database, i) => assign(database, assignments[i] as Assignment)));
  const exitCodes = await Promise.all(ended);
  return Promise.all(databases.all.map((database, i) => readOutcome(database, exitCodes[i] ?? null)));
}

export function seedParts(databases: LocalDatabases, run: TestRun): Omit<TupleSeedParts, "nodeIndex"> {
  const { mode, ratePerMin, aggregation, tupleCount } = run;
  return { sweepSeed: 2018, nodes: databases.all.length, repetition: 1, mode, ratePerMin, aggregation, tupleCount };
}

/** Row count and digest of each database, computed by the server. */
export function proofsOf({ all }: LocalDatabases): Promise<{ rows: number; digest: string }[]> {
  return Promise.all(
    all.map(async ({ connection }) => {
      const [[proof]] = (await connection.query(
        `SELECT COUNT(*) AS n, CAST(${DIGEST_SQL} AS CHAR) AS digest FROM tuple`,
      )) as unknown as [[{ n: number; digest: string }]];
      return { rows: proof.n, digest: formatDigest(BigInt(proof.digest)) };
    }),
  );
}

export function assignmentOf(databases: LocalDatabases, run: TestRun, nodeIndex: number): Assignment {
  return {
    protocol: PROTOCOL_VERSION,
    runId: "test-p1-r1-a1",
    nodeIndex,
    peers: databases.all.map(({ address }, i) => ({ index: i + 1, address, hostname: `node-${i + 1}.invalid` })),
    masterIndex: 1,
    peerPassword: PEER_PASSWORD,
    tupleSeed: tupleSeed({ ...seedParts(databases, run), nodeIndex }),
    engine: "innodb",
    client: "batched",
    release: "agreed",
    resolve: "addresses",
    phase: "aligned",
    phaseOffsetMs: 0,
    warmupSec: 0,
    observe: "on",
    barrierTimeoutSec: 10,
    ...run,
  };
}

export async function assign({ connection }: LocalDatabase, assignment: Assignment): Promise<void> {
  await connection.query("INSERT INTO run (run_id, assignment) VALUES (?, ?)", [
    assignment.runId,
    JSON.stringify(assignment),
  ]);
}

/** @returns The exit code. */
export function startProgram({ socketPath }: LocalDatabase, nodeIndex: number, env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [PROGRAM], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env["PATH"],
      [NODE_ENV.runId]: "test-p1-r1-a1",
      [NODE_ENV.nodeIndex]: String(nodeIndex),
      MESHBENCH_SOCKET: socketPath,
      MESHBENCH_LOCAL_USER: LOCAL_TEST_USER,
      ...env,
    },
  });
  return new Promise<number | null>((resolve) => child.once("exit", resolve));
}

async function readOutcome({ connection }: LocalDatabase, exitCode: number | null): Promise<NodeOutcome> {
  const [[row]] = (await connection.query("SELECT phase, error, result FROM progress")) as unknown as [
    [{ phase: NodePhase; error: string | null; result: string | null }],
  ];
  return {
    exitCode,
    phase: row.phase,
    ...(row.error && { failure: JSON.parse(row.error) as NodeFailure }),
    ...(row.result && { result: JSON.parse(row.result) as NodeResult }),
  };
}
