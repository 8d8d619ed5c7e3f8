/** Node programs as real processes on `LocalDatabases`: what provider and worker do, in a few lines. */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { NODE_ENV, PROTOCOL_VERSION } from "#model/node-protocol";
import type { Assignment, NodeFailure, NodePhase, NodeResult } from "#model/node-protocol";
import { DIGEST_SQL, formatDigest, tupleSeed } from "#model/tuples";
import type { TupleSeedParts } from "#model/tuples";
import { LOCAL_TEST_USER } from "#test/support/local-database";
import type { LocalDatabase, LocalDatabases } from "#test/support/local-database";

const SOURCE = fileURLToPath(new URL("../../node/main.ts", import.meta.url));
const RUN_ID = "test-p1-r1-a1";
export const PEER_PASSWORD = "peers-of-a-test";

/** A run as a test describes it; the rest is filled in. */
export type TestRun = Pick<Assignment, "mode" | "ratePerMin" | "tupleCount" | "aggregation"> & Partial<Assignment>;

export interface NodeOutcome {
  readonly exitCode: number | null;
  /** `silent`: it has not shown anything. */
  readonly phase: NodePhase | "silent";
  readonly tuplesLocal: number;
  readonly result?: NodeResult;
  readonly failure?: NodeFailure;
}

/** Makes the program one file, as an image has it; every start is faster for it. */
export async function bundleProgram({ programPath }: LocalDatabases): Promise<void> {
  await build({ entryPoints: [SOURCE], outfile: programPath, bundle: true, platform: "node", format: "cjs" });
}

/** Runs one program on each database until all have ended. */
export async function runNodes(
  databases: LocalDatabases,
  run: TestRun,
  env: NodeJS.ProcessEnv = {},
): Promise<NodeOutcome[]> {
  await databases.reset(run.engine ?? "innodb");
  return Promise.all(databases.all.map((_, i) => runNode(databases, run, i + 1, env)));
}

/**
 * Runs the program of one node until it ends; its peers are whoever else runs.
 * @param onStart - Gets its process.
 */
export async function runNode(
  databases: LocalDatabases,
  run: TestRun,
  nodeIndex: number,
  env: NodeJS.ProcessEnv = {},
  onStart: (child: ChildProcess) => void = () => {},
): Promise<NodeOutcome> {
  const database = databases.all[nodeIndex - 1] as LocalDatabase;
  const child = startProgram(databases, nodeIndex, env);
  onStart(child);
  const exited = once(child, "exit") as Promise<[code: number | null]>;
  await assign(database, assignmentOf(databases, run, nodeIndex));
  const [exitCode] = await exited;
  return { exitCode, ...(await readProgress(database)) };
}

export function seedParts(databases: LocalDatabases, run: TestRun): Omit<TupleSeedParts, "nodeIndex"> {
  const { mode, ratePerMin, aggregation, tupleCount } = run;
  return { sweepSeed: 2018, nodes: databases.all.length, repetition: 1, mode, ratePerMin, aggregation, tupleCount };
}

/** Row count and digest of each database, computed by the server. */
export function proofsOf({ all }: LocalDatabases): Promise<{ rows: number; digest: string }[]> {
  return Promise.all(
    all.map(async ({ connection }) => {
      const sql = `SELECT COUNT(*) AS n, CAST(${DIGEST_SQL} AS CHAR) AS digest FROM tuple`;
      const [[proof]] = (await connection.query(sql)) as unknown as [[{ n: number; digest: string }]];
      return { rows: proof.n, digest: formatDigest(BigInt(proof.digest)) };
    }),
  );
}

function assignmentOf(databases: LocalDatabases, run: TestRun, nodeIndex: number): Assignment {
  return {
    protocol: PROTOCOL_VERSION,
    runId: RUN_ID,
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

async function assign({ connection }: LocalDatabase, assignment: Assignment): Promise<void> {
  await connection.query("INSERT INTO run (run_id, assignment) VALUES (?, ?)", [
    assignment.runId,
    JSON.stringify(assignment),
  ]);
}

export function startProgram(
  { all, programPath }: LocalDatabases,
  nodeIndex: number,
  env: NodeJS.ProcessEnv = {},
): ChildProcess {
  const database = all[nodeIndex - 1] as LocalDatabase;
  return spawn(process.execPath, ["--max-semi-space-size=1", "--max-old-space-size=96", programPath], {
    stdio: "ignore",
    env: {
      PATH: process.env["PATH"],
      [NODE_ENV.runId]: RUN_ID,
      [NODE_ENV.nodeIndex]: String(nodeIndex),
      MESHBENCH_SOCKET: database.socketPath,
      MESHBENCH_LOCAL_USER: LOCAL_TEST_USER,
      ...env,
    },
  });
}

/** What the node shows of itself. */
export async function readProgress({ connection }: LocalDatabase): Promise<Omit<NodeOutcome, "exitCode">> {
  const [[row]] = (await connection.query(
    "SELECT phase, tuples_local AS tuples, error, result FROM progress",
  )) as unknown as [[{ phase: NodePhase; tuples: number; error: string | null; result: string | null }?]];
  if (!row) return { phase: "silent", tuplesLocal: 0 };
  return {
    phase: row.phase,
    tuplesLocal: row.tuples,
    ...(row.error && { failure: JSON.parse(row.error) as NodeFailure }),
    ...(row.result && { result: JSON.parse(row.result) as NodeResult }),
  };
}
