import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { createConnection } from "mysql2/promise";
import type { Connection } from "mysql2/promise";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openMysqlNodeDatabase } from "#activities/database/mysql-node-database";
import type { NodeDatabase } from "#activities/database/node-database";
import { derivePassword, verifierOf } from "#activities/database/password";
import { DATABASE_NAME, DATABASE_PORT, PEER_ACCOUNT, PROTOCOL_VERSION, WORKER_ACCOUNT } from "#model/node-protocol";
import type { NodeHandle } from "#model/run";
import { expectedDigests, TupleStream, tupleSeed } from "#model/tuples";
import { startLocalDatabases } from "#test/support/local-database";
import type { LocalDatabases } from "#test/support/local-database";
import { measuredRun } from "#test/support/measured-run";
import { sampleAssignments, sampleSeedParts } from "#test/support/sample-assignments";
import { sampleRun } from "#test/support/sample-run";

const HOST_SECRET = "canary-host-secret";
const PEER_PASSWORD = "canary-peer-password";
const RUN_ID = "sample-p1-r1-a1";
const WORKER_PASSWORD = derivePassword(HOST_SECRET, RUN_ID);
const [assignment] = sampleAssignments({ peerPassword: PEER_PASSWORD });
if (!assignment) throw new Error("no sample");

let servers: LocalDatabases;
let admin: Connection;
let node: NodeHandle;
let database: NodeDatabase;

beforeAll(async () => {
  servers = await startLocalDatabases(1, "replaced below");
  const [server] = servers.all;
  if (!server) throw new Error("no server");
  admin = server.connection;
  node = { index: 1, id: "local", name: "local", address: server.address, port: DATABASE_PORT };
  // As the node image does it.
  await admin.query(
    `CREATE USER '${WORKER_ACCOUNT}'@'%' IDENTIFIED VIA mysql_native_password USING '${verifierOf(WORKER_PASSWORD)}'`,
  );
  await admin.query(`GRANT ALL ON ${DATABASE_NAME}.* TO '${WORKER_ACCOUNT}'@'%' WITH GRANT OPTION`);
  await admin.query(`GRANT CREATE USER ON *.* TO '${WORKER_ACCOUNT}'@'%'`);
}, 60_000);
afterAll(() => servers.stop());

beforeEach(async () => {
  await admin.query(`DROP USER IF EXISTS '${PEER_ACCOUNT}'@'%'`);
  await admin.query("DROP TABLE IF EXISTS tuple, warmup");
  for (const table of ["run", "progress", "coordination"]) await admin.query(`DELETE FROM ${table}`);
  database = openMysqlNodeDatabase(HOST_SECRET)(RUN_ID);
});
afterEach(() => database.close());

function connectAsPeer(): Promise<Connection> {
  return createConnection({ host: node.address, user: PEER_ACCOUNT, password: PEER_PASSWORD, database: DATABASE_NAME });
}

async function caught(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => {
      throw new Error("expected it to fail");
    },
    (error: Error) => error,
  );
}

function setProgress(values: readonly unknown[]) {
  return admin.query("INSERT INTO progress VALUES (1, ?, ?, ?, ?, ?, ?)", [...values]);
}

async function insertExpectedTuples(): Promise<void> {
  for (const nodeIndex of [1, 2]) {
    const parts = sampleSeedParts();
    const { keys, values } = new TupleStream(tupleSeed({ ...parts, nodeIndex })).take(parts.tupleCount);
    const rows = [...values].map((value, i) => [keys.subarray(i * 16, (i + 1) * 16), value, 0]);
    await admin.query("INSERT INTO tuple VALUES ?", [rows]);
  }
}

describe("answers", () => {
  test("true once the worker's account can log in", async () => {
    expect(await database.answers(node)).toBe(true);
  });

  test("false where the account is another run's, where nobody listens, and where nobody speaks", async () => {
    const stranger = openMysqlNodeDatabase(HOST_SECRET)("another-run");
    expect(await stranger.answers(node)).toBe(false);
    expect(await database.answers({ ...node, index: 2, port: 1 })).toBe(false);

    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const askedAt = performance.now();
    expect(await database.answers({ ...node, index: 3, address: "127.0.0.1", port })).toBe(false);
    expect(performance.now() - askedAt).toBeLessThan(5000);
    silent.close();
  });
});

async function countDefinitions(): Promise<unknown> {
  const [counts] = await admin.query(
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_create_table', 'Com_create_user', 'Com_grant')",
  );
  return counts;
}

describe("prepareTables", () => {
  test.for(["innodb", "memory"] as const)("makes the tables in %s, twice as well as once", async (engine) => {
    await database.prepareTables(node, { ...assignment, engine });
    await database.prepareTables(node, { ...assignment, engine });
    const [rows] = await admin.query("SHOW TABLE STATUS WHERE Name IN ('tuple', 'warmup')");
    expect(rows).toMatchObject([{ Engine: expect.stringMatching(new RegExp(engine, "i")) }, {}]);
  });

  test("leaves a node alone that has its work: it may be measuring", async () => {
    await database.prepareTables(node, assignment);
    await database.assign(node, assignment);
    const before = await countDefinitions();
    await database.prepareTables(node, assignment);
    expect(await countDefinitions()).toEqual(before);
  });

  test("lets peers write tuples and meet, and read neither tuples nor assignments", async () => {
    await database.prepareTables(node, assignment);
    await database.assign(node, assignment);
    const peer = await connectAsPeer();
    await peer.query("INSERT INTO tuple VALUES (REPEAT('k', 16), 1, 0)");
    await peer.query("INSERT INTO coordination VALUES (?, 2)", [RUN_ID]);
    await peer.query("UPDATE run SET released_at_us = 1 WHERE run_id = ?", [RUN_ID]);
    for (const statement of ["SELECT * FROM tuple", "SELECT assignment FROM run", "DELETE FROM tuple"]) {
      await expect(peer.query(statement)).rejects.toMatchObject({ sqlState: "42000" });
    }
    await peer.end();
  });
});

test("the first assignment of a run stays", async () => {
  await database.assign(node, assignment);
  await database.assign(node, { ...assignment, tupleCount: 999 });
  const [rows] = await admin.query("SELECT run_id, assignment FROM run");
  expect(rows).toEqual([{ run_id: RUN_ID, assignment: JSON.stringify(assignment) }]);
});

describe("readProgress", () => {
  test("a node program that has not started is waiting", async () => {
    expect(await database.readProgress(node)).toEqual({ phase: "waiting", tuplesLocal: 0, tuplesRemote: 0 });
  });

  test("tells phase, counts and failure as the node wrote them", async () => {
    const failure = { kind: "barrier", message: "1/2" };
    await setProgress([PROTOCOL_VERSION, "failed", 4_000_000_000, 7, JSON.stringify(failure), null]);
    expect(await database.readProgress(node)).toEqual({
      phase: "failed",
      tuplesLocal: 4_000_000_000,
      tuplesRemote: 7,
      error: failure,
    });
  });

  test("refuses a node of another protocol", async () => {
    await setProgress([PROTOCOL_VERSION + 1, "main", 0, 0, null, null]);
    await expect(database.readProgress(node)).rejects.toMatchObject({ kind: "protocol", particulars: { node: 1 } });
  });

  test("opens a new connection after the last one broke", async () => {
    await database.readProgress(node);
    const [sessions] = await admin.query("SELECT id FROM information_schema.processlist WHERE user = ?", [
      WORKER_ACCOUNT,
    ]);
    for (const { id } of sessions as { id: number }[]) await admin.query(`KILL ${id}`);
    await expect
      .poll(() => database.readProgress(node).catch((error: Error) => error.message))
      .toMatchObject({ phase: "waiting" });
  });
});

test("a result comes back as the node wrote it, and not before", async () => {
  await expect(database.readResult(node)).rejects.toThrow("no result yet");
  const [result] = (await measuredRun(sampleRun())).results;
  await setProgress([PROTOCOL_VERSION, "done", 20, 20, null, JSON.stringify(result)]);
  expect(await database.readResult(node)).toEqual(result);
});

test("a result without figures is none", async () => {
  const [result] = (await measuredRun(sampleRun())).results;
  await setProgress([PROTOCOL_VERSION, "done", 20, 20, null, JSON.stringify({ ...result, elapsedSec: Number.NaN })]);
  await expect(database.readResult(node)).rejects.toMatchObject({ kind: "protocol", particulars: { node: 1 } });
});

describe("prove", () => {
  test.for(["innodb", "memory"] as const)("counts and digests what the seed says, in %s", async (engine) => {
    await database.prepareTables(node, { ...assignment, engine });
    await insertExpectedTuples();
    const [digest] = await expectedDigests(sampleSeedParts());
    const proof = await database.prove(node);
    expect(proof).toEqual({ node: 1, rows: 40, distinctRows: 40, digest, serverUptimeSec: expect.any(Number) });
  });

  test("an empty table has the digest of nothing", async () => {
    await database.prepareTables(node, assignment);
    expect(await database.prove(node)).toMatchObject({ rows: 0, distinctRows: 0, digest: "0000000000000000" });
  });

  const one = "tuple_key = (SELECT * FROM (SELECT MIN(tuple_key) FROM tuple) AS lowest)";
  const duplicate = ["ALTER TABLE tuple DROP PRIMARY KEY", `INSERT INTO tuple SELECT * FROM tuple WHERE ${one}`];
  test.for([
    { fault: "deleted", statements: [`DELETE FROM tuple WHERE ${one}`], rows: 39, distinctRows: 39 },
    { fault: "duplicated", statements: duplicate, rows: 41, distinctRows: 40 },
    {
      fault: "altered",
      statements: [`UPDATE tuple SET tuple_value = tuple_value ^ 1 WHERE ${one}`],
      rows: 40,
      distinctRows: 40,
    },
  ])("shows one row that was $fault", async ({ statements, rows, distinctRows }) => {
    await database.prepareTables(node, assignment);
    await insertExpectedTuples();
    for (const statement of statements) await admin.query(statement);
    const proof = await database.prove(node);
    expect(proof).toMatchObject({ rows, distinctRows });
    expect(proof.digest).not.toBe((await expectedDigests(sampleSeedParts()))[0]);
  });
});

test("no error holds a password", async () => {
  const refused = await caught(openMysqlNodeDatabase(HOST_SECRET)("another-run").readProgress(node));
  await admin.query("RENAME TABLE run TO hidden_run");
  const failed = await caught(database.assign(node, assignment));
  await admin.query("RENAME TABLE hidden_run TO run");
  for (const error of [refused, failed]) {
    const text = inspect(error, { depth: Infinity, showHidden: true });
    expect(text).not.toContain(PEER_PASSWORD);
    expect(text).not.toContain(derivePassword(HOST_SECRET, "another-run"));
    expect(text).not.toContain(HOST_SECRET);
  }
});
