/**
 * A connection to one database that is replaced when it breaks. The only file that knows the driver: callbacks and
 * prepared statements of mysql2, since its promises cost more than the inserts themselves.
 */

import { createConnection, format } from "mysql2";
import type { Connection, PrepareStatementInfo, RowDataPacket } from "mysql2";
import type { FailureKind } from "#model/errors";
import type { DataTable } from "#model/node-tables";
import { nowUs, timerMs } from "#node/clock";
import { connectionFailure, isConnectionLost, isRolledBack, statementFailure } from "#node/failure";
import { retryUntil } from "#node/retry";
import { insertRowSql, RowsStatement } from "#node/statements";

type SqlValue = string | number | null;

/** A connection that broke is tried again for this long; by then the other side is gone. */
const RECONNECT_WITHIN_US = 30_000_000;

export interface LinkTarget {
  /** For messages: `node 3 (198.18.0.5)`. */
  readonly label: string;
  readonly user: string;
  readonly database: string;
  readonly password?: string;
  /** Either a socket, or an address and a port. */
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number;
  /** What it means if the connection breaks and cannot be had again. */
  readonly lostKind: FailureKind;
  /** `tuple_copy` of what is inserted over it. */
  readonly copy: number;
}

/** Called once: with nothing when the database acknowledged, with the failure that ends the run otherwise. */
export type Acknowledged = (failure?: Error) => void;

/** What the main loop sees of a database; one statement at a time. */
export interface RowSink {
  insertRow(key: Buffer, value: number, acknowledged: Acknowledged): void;
  insertRows(rows: RowsStatement, acknowledged: Acknowledged): void;
}

export class Link implements RowSink {
  readonly target: LinkTarget;
  /** How often the connection was replaced. */
  reconnects = 0;
  #connection: Connection;
  #table: DataTable = "tuple";
  #insertRow: PrepareStatementInfo | undefined;
  #reconnecting: Promise<void> | undefined;

  private constructor(target: LinkTarget, connection: Connection) {
    this.target = target;
    this.#connection = connection;
  }

  /** Tries until the deadline, on the node's clock; rejects with the driver's last error. */
  static async openUntil(target: LinkTarget, deadlineUs: number): Promise<Link> {
    return new Link(target, await retryUntil(deadlineUs, () => connect(target, deadlineUs)));
  }

  /**
   * A statement that may be repeated without harm: it is, when the connection breaks under it.
   * @throws {BenchError} What the database answered, or that it is gone.
   */
  async query<Row>(sql: string, values: SqlValue[] = []): Promise<Row[]> {
    for (;;) {
      try {
        return await run<Row>(this.#connection, sql, values);
      } catch (error) {
        if (isConnectionLost(error as Error)) await this.#reconnect();
        else if (!isRolledBack(error as Error)) throw statementFailure(this.target.label, error as Error);
      }
    }
  }

  /**
   * From now on rows go to this table.
   * @throws {BenchError} What the database answered.
   */
  async prepareInserts(table: DataTable): Promise<void> {
    this.#table = table;
    try {
      this.#insertRow = await prepare(this.#connection, insertRowSql(table, this.target.copy));
    } catch (error) {
      throw statementFailure(this.target.label, error as Error);
    }
  }

  insertRow(key: Buffer, value: number, acknowledged: Acknowledged): void {
    if (!this.#insertRow) throw new Error("insertRow before prepareInserts");
    this.#insertRow.execute([key, value], (error) => {
      if (!error) return acknowledged();
      const row = { count: 1, keys: key, values: Uint8Array.of(value) };
      return this.#settle(error, new RowsStatement(this.#table, row), acknowledged);
    });
  }

  insertRows(rows: RowsStatement, acknowledged: Acknowledged): void {
    this.#connection.query(rows.insert(this.target.copy), (error) => {
      if (!error) return acknowledged();
      return this.#settle(error, rows, acknowledged);
    });
  }

  close(): void {
    this.#connection.destroy();
  }

  #settle(problem: Error, rows: RowsStatement, acknowledged: Acknowledged): void {
    if (isConnectionLost(problem)) this.#insertMissing(rows).then(() => acknowledged(), acknowledged);
    else acknowledged(statementFailure(this.target.label, problem));
  }

  /** After a broken connection nobody knows what arrived: a new one brings what is missing. */
  async #insertMissing(rows: RowsStatement): Promise<void> {
    await this.#reconnect();
    await this.query(rows.insertMissing(this.target.copy));
  }

  /** Once, however many statements were under way. */
  #reconnect(): Promise<void> {
    this.#reconnecting ??= this.#replaceConnection().finally(() => {
      this.#reconnecting = undefined;
    });
    return this.#reconnecting;
  }

  async #replaceConnection(): Promise<void> {
    this.#connection.destroy();
    const { target } = this;
    const deadlineUs = nowUs() + RECONNECT_WITHIN_US;
    try {
      await retryUntil(deadlineUs, async () => {
        this.#connection = await connect(target, deadlineUs);
        if (this.#insertRow) await this.prepareInserts(this.#table);
      });
      this.reconnects++;
    } catch (error) {
      throw connectionFailure(target.lostKind, target.label, error);
    }
  }
}

/** May take all the time there is: a server that looks its clients up can need many seconds for each. */
function connect(target: LinkTarget, deadlineUs: number): Promise<Connection> {
  const { user, password, database, socketPath, host, port } = target;
  const connection = createConnection({
    user,
    database,
    ...(password !== undefined && { password }),
    ...(socketPath !== undefined && { socketPath }),
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    connectTimeout: Math.max(1, timerMs(deadlineUs - nowUs())),
    // The driver would look through every kilobyte of a batch for placeholders.
    queryFormat: (sql: string, values: SqlValue[]) => (values.length === 0 ? sql : format(sql, values)),
  });
  // One that breaks while idle says so with its next statement; without a listener it would end the program.
  connection.on("error", () => {});
  return new Promise((resolve, reject) => {
    connection.connect((error) => {
      if (!error) return resolve(connection);
      connection.destroy();
      return reject(error);
    });
  });
}

function run<Row>(connection: Connection, sql: string, values: SqlValue[]): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    connection.query<RowDataPacket[]>(sql, values, (error, rows) => (error ? reject(error) : resolve(rows as Row[])));
  });
}

function prepare(connection: Connection, sql: string): Promise<PrepareStatementInfo> {
  return new Promise((resolve, reject) => {
    connection.prepare(sql, (error, statement) => (error ? reject(error) : resolve(statement)));
  });
}
