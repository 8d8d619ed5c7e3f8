/** The control channel over MySQL's protocol, as the worker's account. */

import type { RowDataPacket } from "mysql2";
import type { NodeDatabase, OpenNodeDatabase } from "#activities/database/node-database";
import { NodeConnections } from "#activities/database/node-connections";
import { derivePassword, verifierOf } from "#activities/database/password";
import { BenchError } from "#model/errors";
import { NODE_PHASES, PEER_ACCOUNT, PROTOCOL_VERSION } from "#model/node-protocol";
import type { Assignment, NodeFailure, NodeProgress, NodeResult } from "#model/node-protocol";
import { parseNodeResult } from "#model/node-result";
import { createDataTable, DATA_TABLES, PEER_GRANTS } from "#model/node-tables";
import type { DatabaseProof, NodeHandle } from "#model/run";
import { DIGEST_SQL, formatDigest } from "#model/tuples";

/** Counting and digesting takes a second or so for each million rows. */
const PROOF_LIMIT_MS = 600_000;

interface ProgressRow extends RowDataPacket {
  readonly protocol: number;
  readonly phase: string;
  /** BIGINTs come as text: a number would round the largest. */
  readonly tuples_local: string;
  readonly tuples_remote: string;
  readonly error: string | null;
}

/** @param hostSecret - The content of the host's secret file. */
export function openMysqlNodeDatabase(hostSecret: string | Buffer): OpenNodeDatabase {
  return (runId) => new MysqlNodeDatabase(derivePassword(hostSecret, runId));
}

class MysqlNodeDatabase implements NodeDatabase {
  readonly #connections: NodeConnections;

  constructor(password: string) {
    this.#connections = new NodeConnections(password);
  }

  answers(node: NodeHandle): Promise<boolean> {
    return this.#connections.answers(node);
  }

  async prepareTables(node: NodeHandle, { engine, peerPassword }: Assignment): Promise<void> {
    const [assigned] = await this.#connections.query(node, "SELECT 1 FROM run LIMIT 1");
    if (assigned !== undefined) return; // It may be measuring.
    const statements = [
      ...DATA_TABLES.map((table) => createDataTable(table, engine)),
      // Its hash alone, so that no statement, log or error holds a password. MariaDB and MySQL both read this form.
      `CREATE USER IF NOT EXISTS '${PEER_ACCOUNT}'@'%' IDENTIFIED WITH mysql_native_password AS '${verifierOf(peerPassword)}'`,
      ...PEER_GRANTS,
    ];
    for (const statement of statements) await this.#connections.query(node, statement);
  }

  async assign(node: NodeHandle, assignment: Assignment): Promise<void> {
    const values = [assignment.runId, JSON.stringify(assignment)];
    // Prepared: the driver's errors quote statements, and this one's values hold the peers' password.
    await this.#connections.execute(
      node,
      "INSERT INTO run (run_id, assignment) VALUES (?, ?) ON DUPLICATE KEY UPDATE run_id = run_id",
      values,
    );
  }

  async readProgress(node: NodeHandle): Promise<NodeProgress> {
    const columns = "protocol, phase, tuples_local, tuples_remote, error";
    const [row] = await this.#connections.query<ProgressRow>(node, `SELECT ${columns} FROM progress WHERE id = 1`);
    // The node program has not started yet.
    if (!row) return { phase: "waiting", tuplesLocal: 0, tuplesRemote: 0 };
    requireProtocol(row.protocol, node);
    const phase = NODE_PHASES.find((known) => known === row.phase);
    if (!phase) throw new BenchError("protocol", `unknown phase ${row.phase}`, { node: node.index });
    const error: NodeFailure | undefined = row.error === null ? undefined : JSON.parse(row.error);
    return {
      phase,
      tuplesLocal: Number(row.tuples_local),
      tuplesRemote: Number(row.tuples_remote),
      ...(error && { error }),
    };
  }

  async readResult(node: NodeHandle): Promise<NodeResult> {
    type ResultRow = RowDataPacket & { readonly protocol: number; readonly result: string | null };
    const [row] = await this.#connections.query<ResultRow>(node, "SELECT protocol, result FROM progress WHERE id = 1");
    if (!row?.result) throw new Error(`node ${node.index} has no result yet`);
    requireProtocol(row.protocol, node);
    return parseNodeResult(row.result, node.index);
  }

  async prove(node: NodeHandle): Promise<DatabaseProof> {
    type TotalsRow = RowDataPacket & { readonly total: string; readonly digest: string };
    const [totals] = await this.#connections.query<TotalsRow>(
      node,
      `SELECT COUNT(*) AS total, ${DIGEST_SQL} AS digest FROM tuple`,
      PROOF_LIMIT_MS,
    );
    if (!totals) throw new Error(`node ${node.index} counted nothing`);
    const rows = Number(totals.total);
    return {
      node: node.index,
      rows,
      distinctRows: (await this.#hasPrimaryKey(node)) ? rows : await this.#countDistinct(node),
      digest: formatDigest(BigInt(totals.digest)),
      serverUptimeSec: await this.#readUptimeSec(node),
    };
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  async #hasPrimaryKey(node: NodeHandle): Promise<boolean> {
    const columns = await this.#connections.query(node, "SHOW INDEX FROM tuple WHERE Key_name = 'PRIMARY'");
    return columns.length === 2;
  }

  /** Only for a table that lost its key: with millions of rows this takes memory that a node may not have. */
  async #countDistinct(node: NodeHandle): Promise<number> {
    type CountRow = RowDataPacket & { readonly total: string };
    const [row] = await this.#connections.query<CountRow>(
      node,
      "SELECT COUNT(DISTINCT tuple_key, tuple_copy) AS total FROM tuple",
      PROOF_LIMIT_MS,
    );
    return Number(row?.total);
  }

  async #readUptimeSec(node: NodeHandle): Promise<number> {
    type StatusRow = RowDataPacket & { readonly Value: string };
    const [row] = await this.#connections.query<StatusRow>(node, "SHOW GLOBAL STATUS LIKE 'Uptime'");
    return Number(row?.Value);
  }
}

function requireProtocol(protocol: number, node: NodeHandle): void {
  if (protocol === PROTOCOL_VERSION) return;
  const message = `the node speaks protocol ${protocol}, this worker ${PROTOCOL_VERSION}`;
  throw new BenchError("protocol", message, { node: node.index });
}
