/** The results database's shape, step by step. A published step is never changed: add another below it. */

import type { DatabaseSync } from "node:sqlite";

const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE sweep (
    sweep_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    started_at TEXT NOT NULL,
    status TEXT NOT NULL,
    spec_json TEXT NOT NULL,
    runs_planned INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE run (
    sweep_id TEXT NOT NULL,
    run_id TEXT PRIMARY KEY,
    repetition INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    quotable INTEGER NOT NULL,
    environment TEXT NOT NULL,
    provider TEXT NOT NULL,
    isolation TEXT NOT NULL,
    host TEXT NOT NULL,
    mode TEXT NOT NULL,
    nodes INTEGER NOT NULL,
    rate_per_min REAL NOT NULL,
    aggregation INTEGER NOT NULL,
    duration_s REAL NOT NULL,
    engine TEXT NOT NULL,
    client TEXT NOT NULL,
    release TEXT NOT NULL,
    resolve TEXT NOT NULL,
    phase TEXT NOT NULL,
    cpus REAL NOT NULL,
    memory_mib REAL NOT NULL,
    source_sha TEXT NOT NULL,
    seed INTEGER NOT NULL,
    started_at TEXT NOT NULL,
    expected_s REAL NOT NULL,
    elapsed_s REAL,
    deviation_pct REAL,
    deviation_pct_median REAL,
    deviation_pct_min REAL,
    lateness_local_p50_ms REAL,
    lateness_local_p99_ms REAL,
    lateness_remote_p50_ms REAL,
    lateness_remote_p99_ms REAL,
    tuples_per_db_expected INTEGER NOT NULL,
    tuples_per_db INTEGER,
    consistent INTEGER,
    digest TEXT,
    barrier_skew_ms REAL,
    provision_s REAL,
    sync_s REAL,
    main_s REAL,
    finalise_s REAL,
    collect_s REAL,
    teardown_s REAL,
    fingerprint TEXT
  ) STRICT;
  CREATE INDEX run_of_sweep ON run (sweep_id, started_at);

  CREATE TABLE node_result (
    run_id TEXT NOT NULL,
    node INTEGER NOT NULL,
    address TEXT NOT NULL,
    tuples INTEGER NOT NULL,
    expected_s REAL NOT NULL,
    elapsed_s REAL NOT NULL,
    deviation_pct REAL NOT NULL,
    connect_s REAL NOT NULL,
    warmup_s REAL NOT NULL,
    barrier_s REAL NOT NULL,
    sync_s REAL NOT NULL,
    finalise_s REAL NOT NULL,
    lateness_local_p50_ms REAL NOT NULL,
    lateness_local_p99_ms REAL NOT NULL,
    lateness_local_max_ms REAL NOT NULL,
    lateness_remote_p50_ms REAL NOT NULL,
    lateness_remote_p99_ms REAL NOT NULL,
    lateness_remote_max_ms REAL NOT NULL,
    lateness_pacing_p99_ms REAL NOT NULL,
    saturated_batches INTEGER NOT NULL,
    saturated_s REAL NOT NULL,
    longest_gap_ms REAL NOT NULL,
    reconnects INTEGER NOT NULL,
    clock_drift_ms REAL,
    cpu_user_s REAL NOT NULL,
    cpu_system_s REAL NOT NULL,
    program_rss_mib REAL NOT NULL,
    rows INTEGER NOT NULL,
    distinct_rows INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (run_id, node)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE intent (
    run_id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    environment TEXT NOT NULL,
    expected TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    deadline_at TEXT NOT NULL,
    closed_at TEXT,
    run_json TEXT NOT NULL
  ) STRICT;
  CREATE INDEX intent_open ON intent (host) WHERE closed_at IS NULL;
  `,
  `
  ALTER TABLE sweep ADD COLUMN pin_json TEXT;
  `,
  `
  CREATE TABLE night (
    nightly TEXT NOT NULL,
    date TEXT NOT NULL,
    night_json TEXT NOT NULL,
    PRIMARY KEY (nightly, date)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE evidence (
    run_id TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
];

/**
 * Brings a database up to date, also when several processes open it at once.
 * @throws {Error} Where a newer Meshbench has written it.
 */
export function migrate(database: DatabaseSync): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    const version = Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
    if (version > MIGRATIONS.length) {
      throw new Error(`results of a newer Meshbench: version ${version}, this one knows ${MIGRATIONS.length}`);
    }
    for (const migration of MIGRATIONS.slice(version)) database.exec(migration);
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}
