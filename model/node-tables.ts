/**
 * The tables inside a node's database, as SQL that MariaDB and MySQL both take. The image's prepared data directory has
 * `CONTROL_TABLES`; the worker adds the data tables, whose engine is a factor of the run, and the peers' account.
 */

import { DATABASE_NAME, LOCAL_ACCOUNT, PEER_ACCOUNT } from "#model/node-protocol";
import type { Engine } from "#model/spec";

/** Where tuples go, and where the warm-up goes. */
export type DataTable = "tuple" | "warmup";
export const DATA_TABLES = ["tuple", "warmup"] as const satisfies readonly DataTable[];

/**
 * `run`: one row, the work. `progress`: one row, written by the node program as soon as it runs (no row: it has not
 * started). `coordination`: used on the master only; one row for each node that has not finished.
 * JSON lies in LONGTEXT, so that every server and driver hands it out as the text it is.
 */
export const CONTROL_TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS run (
    run_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    assignment LONGTEXT NOT NULL,
    released_at_us BIGINT NULL COMMENT 'on the master: when the barrier opens, microseconds since 1970 on its clock'
  ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`,
  `CREATE TABLE IF NOT EXISTS progress (
    id TINYINT UNSIGNED NOT NULL PRIMARY KEY COMMENT 'always 1',
    protocol SMALLINT UNSIGNED NOT NULL COMMENT 'PROTOCOL_VERSION of the node program',
    phase VARCHAR(16) NOT NULL,
    tuples_local BIGINT UNSIGNED NOT NULL,
    tuples_remote BIGINT UNSIGNED NOT NULL,
    error LONGTEXT NULL COMMENT 'NodeFailure',
    result LONGTEXT NULL COMMENT 'NodeResult'
  ) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`,
  `CREATE TABLE IF NOT EXISTS coordination (
    run_id VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    node_index SMALLINT UNSIGNED NOT NULL,
    PRIMARY KEY (run_id, node_index)
  ) ENGINE = InnoDB`,
];

/** `tuple_copy` has one byte; the image's `max_connections` of 600 is enough for as many nodes as well. */
export const NODES_MOST = 256;

/** `tuple_copy` is 0 in `replicated`, 0..N−1 in `baseline`, where every tuple is in the same database N times. */
export const createDataTable = (table: DataTable, engine: Engine): string =>
  `CREATE TABLE IF NOT EXISTS ${table} (
    tuple_key BINARY(16) NOT NULL,
    tuple_value TINYINT UNSIGNED NOT NULL,
    tuple_copy TINYINT UNSIGNED NOT NULL,
    PRIMARY KEY (tuple_key, tuple_copy)
  ) ENGINE = ${engine}`;

/**
 * What a peer may do on another node's database: write tuples, meet at the barrier, open it. It cannot read the
 * assignment. The tables have to exist.
 */
export const PEER_GRANTS: readonly string[] = [
  `GRANT INSERT ON ${DATABASE_NAME}.tuple TO '${PEER_ACCOUNT}'@'%'`,
  `GRANT INSERT ON ${DATABASE_NAME}.warmup TO '${PEER_ACCOUNT}'@'%'`,
  `GRANT SELECT, INSERT, DELETE ON ${DATABASE_NAME}.coordination TO '${PEER_ACCOUNT}'@'%'`,
  `GRANT SELECT (run_id, released_at_us), UPDATE (released_at_us) ON ${DATABASE_NAME}.run TO '${PEER_ACCOUNT}'@'%'`,
];

/** What the node program may do on its own database. */
export const LOCAL_GRANTS: readonly string[] = [
  `GRANT SELECT, INSERT, UPDATE, DELETE ON ${DATABASE_NAME}.* TO '${LOCAL_ACCOUNT}'@'localhost'`,
];
