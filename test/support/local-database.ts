/** Real MariaDB servers on a RAM disk of this machine: one loopback address each, small, and gone after the test. */

import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { createConnection } from "mysql2/promise";
import type { Connection } from "mysql2/promise";
import { DATABASE_NAME, DATABASE_PORT, LOCAL_ACCOUNT, PEER_ACCOUNT } from "#model/node-protocol";
import { CONTROL_TABLES, createDataTable, DATA_TABLES, LOCAL_GRANTS, PEER_GRANTS } from "#model/node-tables";
import type { Engine } from "#model/spec";

const READY_WITHIN_MS = 20_000;
const ENV = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/usr/local/sbin` };

export interface LocalDatabase {
  /** A loopback address of its own; port 3306. */
  readonly address: string;
  readonly socketPath: string;
  /** As the operating system user, with all rights. */
  readonly connection: Connection;
  /** Another one like it; end it yourself. */
  connect(): Promise<Connection>;
  /** Stops and continues the server's process: connections stay, answers do not come. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/** The user that the servers and `LOCAL_ACCOUNT`'s stand-in run as: unix_socket authentication goes by it. */
export const LOCAL_TEST_USER = userInfo().username;

/** Starts `count` servers with Meshbench's tables and accounts, as image and worker would leave them. */
export async function startLocalDatabases(count: number, peerPassword: string): Promise<LocalDatabases> {
  const folder = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "meshbench-test-"));
  const databases = new LocalDatabases(folder);
  try {
    await installTemplate(folder, peerPassword);
    const network = `127.${randomInt(64, 250)}.${randomInt(0, 250)}`;
    for (let index = 1; index <= count; index++) databases.all.push(await startOne(folder, `${network}.${index}`));
    return databases;
  } catch (error) {
    await databases.stop();
    throw error;
  }
}

export class LocalDatabases {
  readonly all: LocalDatabase[] = [];
  /** Room for a node program to run against them. */
  readonly programPath: string;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.programPath = join(folder, "node.cjs");
  }

  /** Empties everything and gives the data tables this engine. */
  async reset(engine: Engine): Promise<void> {
    await Promise.all(
      this.all.map(async ({ connection }) => {
        for (const table of DATA_TABLES) {
          await connection.query(`DROP TABLE IF EXISTS ${table}`);
          await connection.query(createDataTable(table, engine));
        }
        for (const table of ["run", "progress", "coordination"]) await connection.query(`DELETE FROM ${table}`);
      }),
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((database) => database.stop()));
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function installTemplate(folder: string, peerPassword: string): Promise<void> {
  const options = [`--datadir=${join(folder, "template")}`, `--user=${LOCAL_TEST_USER}`, "--skip-test-db"];
  await promisify(execFile)("mariadb-install-db", ["--no-defaults", ...options], { env: ENV });
  // An init file holds one statement a line.
  const statements = [
    `CREATE DATABASE IF NOT EXISTS ${DATABASE_NAME}`,
    `USE ${DATABASE_NAME}`,
    ...CONTROL_TABLES,
    ...DATA_TABLES.map((table) => createDataTable(table, "innodb")),
    `CREATE USER IF NOT EXISTS '${LOCAL_TEST_USER}'@'localhost' IDENTIFIED VIA unix_socket`,
    `GRANT ALL ON *.* TO '${LOCAL_TEST_USER}'@'localhost'`,
    `CREATE USER IF NOT EXISTS '${LOCAL_ACCOUNT}'@'localhost' IDENTIFIED VIA unix_socket`,
    `CREATE USER IF NOT EXISTS '${PEER_ACCOUNT}'@'%' IDENTIFIED BY '${peerPassword}'`,
    ...LOCAL_GRANTS,
    ...PEER_GRANTS,
  ];
  const text = statements.map((statement) => `${statement.replaceAll(/\s+/g, " ")};`).join("\n");
  await writeFile(join(folder, "init.sql"), text);
}

async function startOne(folder: string, address: string): Promise<LocalDatabase> {
  const dataDir = join(folder, address);
  const socketPath = join(dataDir, "db.sock");
  await cp(join(folder, "template"), dataDir, { recursive: true });
  // A test that is killed takes its servers with it.
  const command = ["--pdeathsig", "KILL", "--", "mariadbd", ...serverOptions(folder, dataDir, socketPath, address)];
  const server = spawn("setpriv", command, { env: ENV, stdio: "ignore" });
  const ended = whenEnded(server);
  const connect = () => createConnection({ socketPath, user: LOCAL_TEST_USER, database: DATABASE_NAME });
  const connection = await retryUntilReady(connect, ended);
  async function stop(): Promise<void> {
    connection.destroy();
    server.kill("SIGKILL");
    await ended;
  }
  const freeze = () => void server.kill("SIGSTOP");
  const thaw = () => void server.kill("SIGCONT");
  return { address, socketPath, connection, connect, freeze, thaw, stop };
}

function serverOptions(folder: string, dataDir: string, socketPath: string, address: string): string[] {
  const settings = {
    user: LOCAL_TEST_USER,
    datadir: dataDir,
    socket: socketPath,
    "bind-address": address,
    port: DATABASE_PORT,
    "pid-file": join(dataDir, "db.pid"),
    "log-error": join(dataDir, "db.log"),
    "init-file": join(folder, "init.sql"),
    "max-connections": 300,
    "max-heap-table-size": "64M",
    "innodb-buffer-pool-size": "32M",
    "innodb-log-file-size": "48M",
    "innodb-flush-log-at-trx-commit": 0,
    "innodb-autoextend-increment": 1,
    "innodb-use-native-aio": 0,
    "performance-schema": "OFF",
    "aria-pagecache-buffer-size": "1M",
    "key-buffer-size": "64K",
  };
  return [
    "--no-defaults",
    "--skip-name-resolve",
    "--skip-log-bin",
    ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
  ];
}

function whenEnded(server: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    server.once("error", (error) => resolve(error.message));
    server.once("exit", (code, signal) => resolve(`exit ${code ?? signal}`));
  });
}

async function retryUntilReady(connect: () => Promise<Connection>, ended: Promise<string>): Promise<Connection> {
  const giveUpAt = Date.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      return await connect();
    } catch (error) {
      const end = await Promise.race([ended, delay(20, undefined)]);
      if (end !== undefined) throw new Error(`mariadbd ended before it answered: ${end}`, { cause: error });
      if (Date.now() > giveUpAt) throw new Error("mariadbd did not answer in time", { cause: error });
    }
  }
}
