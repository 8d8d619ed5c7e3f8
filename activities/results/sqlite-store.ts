/** The results store on one machine: an SQLite database, and a folder of evidence per run beside it. */

import { createHash } from "node:crypto";
import { chmodSync, lstatSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import { ignoring } from "#activities/ignoring";
import { migrate } from "#activities/results/migrations";
import { nodeRowsOf } from "#activities/results/node-rows";
import { DATABASE_FILE, openResultsDir, refusal } from "#activities/results/results-dir";
import type { ResultsStore } from "#activities/results/results-store";
import { writeWhole } from "#activities/results/write-whole";
import { BenchError } from "#model/errors";
import { sweepIdOf } from "#model/ids";
import { describeIntent } from "#model/ledger";
import type { RunIntent } from "#model/ledger";
import type { Night } from "#model/nightly-history";
import { RUN_ROW_COLUMNS } from "#model/result-row";
import type { RunRow } from "#model/result-row";
import type { RunEvidence, SweepRecord } from "#model/run";
import { evidenceNoteOf, watchNoteOf } from "#model/run-notes";
import type { EvidenceState, RunNote } from "#model/run-notes";

/** Another process may be writing: the worker, or a command. */
const BUSY_LIMIT_MS = 5000;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_READONLY = 8;
const SQLITE_NOTADB = 26;

type Row = Record<string, SQLOutputValue>;

/**
 * Opens the store, and makes it where it is missing. Only its owner may read it.
 * @throws {InputError} Where the folder cannot be used; see `openResultsDir`.
 */
export function openSqliteStore(dir: string): ResultsStore {
  openResultsDir(dir);
  const path = join(dir, DATABASE_FILE);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: BUSY_LIMIT_MS });
    chmodSync(path, 0o600);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    migrate(database);
    return new SqliteStore(dir, database);
  } catch (error) {
    database?.close();
    throw explainOpening(error as OpeningError, dir);
  }
}

type OpeningError = Error & { readonly errcode?: number; readonly syscall?: string };

function explainOpening(error: OpeningError, dir: string): Error {
  const { errcode, syscall, message } = error;
  if (errcode === SQLITE_FULL) return refusal(dir, "no space left", "free space there");
  if (errcode === SQLITE_NOTADB) return refusal(dir, `${DATABASE_FILE} in it is no results database`, "move it away");
  const isRefused = errcode === SQLITE_CANTOPEN || errcode === SQLITE_READONLY || syscall === "chmod";
  return isRefused ? refusal(dir, `cannot be written: ${message}`, "give yourself the right to write it") : error;
}

class SqliteStore implements ResultsStore {
  readonly #dir: string;
  readonly #database: DatabaseSync;
  readonly #upsertSweep: StatementSync;
  readonly #upsertRun: StatementSync;

  constructor(dir: string, database: DatabaseSync) {
    this.#dir = dir;
    this.#database = database;
    this.#upsertSweep = database.prepare(upsertSql("sweep", SWEEP_COLUMNS, "sweep_id"));
    this.#upsertRun = database.prepare(upsertSql("run", RUN_ROW_COLUMNS, "run_id"));
  }

  saveSweep({ sweepId, name, startedAt, status, specJson, runsPlanned, pinJson }: SweepRecord): void {
    const values = [sweepId, name, startedAt, status, specJson, runsPlanned, pinJson ?? null];
    withSpaceErrors(() => this.#upsertSweep.run(...values));
  }

  saveRun(row: RunRow): void {
    withSpaceErrors(() => this.#upsertRun.run(...RUN_ROW_COLUMNS.map((column) => toSql(row[column]))));
  }

  async saveEvidence(evidence: RunEvidence): Promise<void> {
    const { runId } = evidence.run;
    const text = `${JSON.stringify(evidence)}\n`;
    // Whoever dies in between leaves evidence that nobody vouches for, not evidence that seems changed.
    withSpaceErrors(() => this.#database.prepare("DELETE FROM evidence WHERE run_id = ?").run(runId));
    await writeWhole(this.#evidencePath(runId), text);
    withSpaceErrors(() => {
      this.#replaceNodeRows(evidence);
      this.#database.prepare("INSERT OR REPLACE INTO evidence (run_id, sha256) VALUES (?, ?)").run(runId, sha256(text));
    });
  }

  saveIntent(intent: RunIntent): void {
    const { run, recordedAt, deadlineAt } = intent;
    const { name, host } = run.environment;
    const values = [run.runId, host, name, describeIntent(intent), recordedAt, deadlineAt, JSON.stringify(run)];
    withSpaceErrors(() =>
      this.#database
        .prepare(
          `INSERT INTO intent (run_id, host, environment, expected, recorded_at, deadline_at, run_json)
          VALUES (?, ?, ?, ?, ?, ?, ?)
          ON CONFLICT (run_id) DO UPDATE SET deadline_at = excluded.deadline_at, closed_at = NULL`,
        )
        .run(...values),
    );
  }

  closeIntent(runId: string): void {
    const now = new Date().toISOString();
    const close = "UPDATE intent SET closed_at = ? WHERE run_id = ? AND closed_at IS NULL";
    withSpaceErrors(() => this.#database.prepare(close).run(now, runId));
  }

  listOpenIntents(host: string): RunIntent[] {
    const open = "SELECT * FROM intent WHERE closed_at IS NULL AND host = ? ORDER BY recorded_at";
    return this.#database.prepare(open).all(host).map(toIntent);
  }

  saveNight(night: Night): void {
    const sql = upsertSql("night", ["nightly", "date", "night_json"], "nightly, date");
    withSpaceErrors(() => this.#database.prepare(sql).run(night.nightly, night.date, JSON.stringify(night)));
  }

  listNights(nightly: string): Night[] {
    const nights = this.#database.prepare("SELECT night_json FROM night WHERE nightly = ? ORDER BY date").all(nightly);
    return nights.map((row) => JSON.parse(String(row["night_json"])) as Night);
  }

  listNightlies(): string[] {
    const names = this.#database.prepare("SELECT DISTINCT nightly FROM night ORDER BY nightly").all();
    return names.map((row) => String(row["nightly"]));
  }

  listSweeps(): SweepRecord[] {
    return this.#database.prepare("SELECT * FROM sweep ORDER BY started_at, sweep_id").all().map(toSweep);
  }

  findSweep(sweepId: string): SweepRecord | undefined {
    const row = this.#database.prepare("SELECT * FROM sweep WHERE sweep_id = ?").get(sweepId);
    return row && toSweep(row);
  }

  listRuns(sweepId: string): RunRow[] {
    const rows = this.#database.prepare("SELECT * FROM run WHERE sweep_id = ? ORDER BY started_at, rowid").all(sweepId);
    return rows.map(toRunRow);
  }

  hasRun(runId: string): boolean {
    return this.#database.prepare("SELECT 1 FROM run WHERE run_id = ?").get(runId) !== undefined;
  }

  async readEvidence(runId: string): Promise<RunEvidence | undefined> {
    const { state, text } = await this.#lookAtEvidence(runId);
    return state === "as stored" && text !== undefined ? (JSON.parse(text) as RunEvidence) : undefined;
  }

  async listNotes(sweepId: string): Promise<RunNote[]> {
    const notes: RunNote[] = [];
    for (const row of this.listRuns(sweepId)) {
      const runId = row.run_id;
      const { state, text } = await this.#lookAtEvidence(runId);
      const evidence = text === undefined ? undefined : (JSON.parse(text) as RunEvidence);
      const told = evidenceNoteOf(state) ?? watchNoteOf(row, evidence?.guards);
      if (told !== undefined) notes.push({ runId, text: told });
    }
    return notes;
  }

  /** What older versions stored has no digest. */
  async #lookAtEvidence(runId: string): Promise<{ state: EvidenceState; text?: string | undefined }> {
    const text = await ignoring("ENOENT", readFile(this.#evidencePath(runId), "utf8"));
    const digest = this.#database.prepare("SELECT sha256 FROM evidence WHERE run_id = ?").get(runId)?.["sha256"];
    if (digest === undefined) return { state: "as stored", text };
    if (text === undefined) return { state: "missing" };
    return sha256(text) === digest ? { state: "as stored", text } : { state: "changed" };
  }

  close(): void {
    this.#database.close();
  }

  #replaceNodeRows(evidence: RunEvidence): void {
    for (const row of nodeRowsOf(evidence)) {
      const columns = Object.keys(row);
      const marks = columns.map(() => "?").join(", ");
      this.#database
        .prepare(`INSERT OR REPLACE INTO node_result (${columns.join(", ")}) VALUES (${marks})`)
        .run(...Object.values(row));
    }
  }

  /** @throws {InputError} Where a link leads out of the results. */
  #evidencePath(runId: string): string {
    const sweepDir = join(this.#dir, sweepIdOf(runId));
    const runDir = join(sweepDir, runId);
    for (const dir of [sweepDir, runDir]) {
      if (lstatSync(dir, { throwIfNoEntry: false })?.isSymbolicLink()) throw refusal(dir, "is a symbolic link");
    }
    return join(runDir, "evidence.json");
  }
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

const SWEEP_COLUMNS = ["sweep_id", "name", "started_at", "status", "spec_json", "runs_planned", "pin_json"] as const;

function upsertSql(table: string, columns: readonly string[], key: string): string {
  const updates = columns
    .filter((column) => !key.split(", ").includes(column))
    .map((column) => `${column} = ${newValueOf(column)}`);
  return `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})
    ON CONFLICT (${key}) DO UPDATE SET ${updates.join(", ")}`;
}

/** A sweep is saved without its pin where that has not changed. */
const newValueOf = (column: string): string =>
  column === "pin_json" ? "coalesce(excluded.pin_json, pin_json)" : `excluded.${column}`;

function withSpaceErrors<T>(write: () => T): T {
  try {
    return write();
  } catch (error) {
    if ((error as { errcode?: number }).errcode !== SQLITE_FULL) throw error;
    throw new BenchError("collect", "no space left for the results database", {}, { cause: error });
  }
}

const toSql = (value: RunRow[keyof RunRow]): SQLInputValue => (typeof value === "boolean" ? Number(value) : value);

/** The columns are `RunRow`'s own; SQLite only has no booleans. */
function toRunRow(row: Row): RunRow {
  const { quotable, consistent } = row;
  // Over the spread, so that the keys keep the columns' order.
  return { ...row, quotable: quotable === 1, consistent: consistent === null ? null : consistent === 1 } as RunRow;
}

const toIntent = (row: Row): RunIntent =>
  ({
    run: JSON.parse(String(row["run_json"])),
    deadlineAt: row["deadline_at"],
    recordedAt: row["recorded_at"],
  }) as RunIntent;

const toSweep = ({ pin_json: pinJson, ...row }: Row): SweepRecord =>
  ({
    sweepId: row["sweep_id"],
    name: row["name"],
    startedAt: row["started_at"],
    status: row["status"],
    specJson: row["spec_json"],
    runsPlanned: row["runs_planned"],
    ...(pinJson !== null && { pinJson }),
  }) as SweepRecord;
