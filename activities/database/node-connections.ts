/** One connection to each node's database, opened when it is first needed and again after it broke. */

import { setTimeout as sleep } from "node:timers/promises";
import type { RowDataPacket } from "mysql2";
import { createConnection } from "mysql2/promise";
import type { Connection } from "mysql2/promise";
import { DATABASE_NAME, WORKER_ACCOUNT } from "#model/node-protocol";
import type { NodeHandle } from "#model/run";

const CONNECT_LIMIT_MS = 2000;
/** For a statement that does not say otherwise. */
const QUERY_LIMIT_MS = 5000;
const CLOSE_LIMIT_MS = 500;

export class NodeConnections {
  readonly #password: string;
  /** By node index. */
  readonly #open = new Map<number, Promise<Connection>>();

  /** @param password - Of the worker's account on all nodes. */
  constructor(password: string) {
    this.#password = password;
  }

  /** Whether the account can log in now. */
  async answers(node: NodeHandle): Promise<boolean> {
    try {
      await this.query(node, "DO 1", CONNECT_LIMIT_MS);
      return true;
    } catch (error) {
      if (isDriverError(error)) return false;
      throw error;
    }
  }

  /** A statement as text. After `limitMs` without its answer the connection is given up. */
  query<Row extends RowDataPacket>(node: NodeHandle, sql: string, limitMs = QUERY_LIMIT_MS): Promise<Row[]> {
    return this.#use(node, async (connection) => {
      const [rows] = await connection.query<Row[]>({ sql, timeout: limitMs });
      return rows;
    });
  }

  /** A prepared statement that returns no rows. Its values are in no error. */
  execute(node: NodeHandle, sql: string, values: readonly string[]): Promise<void> {
    return this.#use(node, async (connection) => {
      await connection.execute({ sql, timeout: QUERY_LIMIT_MS }, [...values]);
    });
  }

  async close(): Promise<void> {
    const connections = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(connections.map(closeQuietly));
  }

  async #use<T>(node: NodeHandle, work: (connection: Connection) => Promise<T>): Promise<T> {
    const opening = this.#open.get(node.index) ?? this.#connect(node);
    try {
      return await work(await opening);
    } catch (error) {
      // After anything but the server's own "no" the connection's state is unknown.
      if (!isSqlError(error)) this.#giveUp(node, opening);
      throw error;
    }
  }

  #connect(node: NodeHandle): Promise<Connection> {
    const opening = createConnection({
      host: node.address,
      port: node.port,
      user: WORKER_ACCOUNT,
      password: this.#password,
      database: DATABASE_NAME,
      connectTimeout: CONNECT_LIMIT_MS,
      supportBigNumbers: true,
      bigNumberStrings: true,
    });
    this.#open.set(node.index, opening);
    void this.#forgetWhenBroken(node, opening);
    return opening;
  }

  /** A connection that never came or breaks between two statements is forgotten: the next statement opens another. */
  async #forgetWhenBroken(node: NodeHandle, opening: Promise<Connection>): Promise<void> {
    try {
      const connection = await opening;
      connection.on("error", () => this.#giveUp(node, opening));
    } catch {
      this.#giveUp(node, opening);
    }
  }

  #giveUp(node: NodeHandle, opening: Promise<Connection>): void {
    if (this.#open.get(node.index) === opening) this.#open.delete(node.index);
    opening.then((connection) => connection.destroy()).catch(() => {});
  }
}

/** Says good-bye, so that the node's log has no "aborted connection", but does not wait for a node that hangs. */
async function closeQuietly(opening: Promise<Connection>): Promise<void> {
  const connection = await opening.catch(() => undefined);
  if (!connection) return;
  await Promise.race([connection.end().catch(() => {}), sleep(CLOSE_LIMIT_MS)]);
  connection.destroy();
}

/** Of the network or the server, as opposed to a bug of ours. */
const isDriverError = (error: unknown): boolean =>
  error instanceof Error && "code" in error && typeof error.code === "string";

/** The server's answer to a statement: the connection goes on. */
const isSqlError = (error: unknown): boolean =>
  error instanceof Error && "sqlState" in error && !("fatal" in error && error.fatal === true);
