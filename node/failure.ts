/** What an error of the database driver means for the run. */

import { BenchError } from "#model/errors";
import type { FailureKind } from "#model/errors";
import type { NodeFailure } from "#model/node-protocol";

/** The parts of mysql2's errors that matter. `fatal`: the connection is gone. */
interface DriverError extends Error {
  readonly code?: string;
  readonly errno?: number;
  readonly fatal?: boolean;
}

/** ER_DISK_FULL, ER_RECORD_FILE_FULL ("The table is full"), and ENOSPC inside ER_ERROR_ON_WRITE or ER_GET_ERRNO. */
const FULL = /^ER_(?:DISK|RECORD_FILE)_FULL$/;
const NO_SPACE = /\b(?:errno|error|Errcode):? 28\b|No space left/i;
/** The server goes away on purpose; the connection follows. */
const GOING_AWAY = new Set([
  "ER_SERVER_SHUTDOWN",
  "ER_CONNECTION_KILLED",
  "ER_NORMAL_SHUTDOWN",
  "ER_NEW_ABORTING_CONNECTION",
]);

/** True where nobody can tell whether the statement was carried out: the connection broke under it. */
export function isConnectionLost(error: Error): boolean {
  const { fatal, code } = error as DriverError;
  return fatal === true || (code !== undefined && GOING_AWAY.has(code));
}

/** True where the statement was undone whole, in favour of another one. */
export function isRolledBack(error: Error): boolean {
  const { code } = error as DriverError;
  return code === "ER_LOCK_DEADLOCK" || code === "ER_LOCK_WAIT_TIMEOUT";
}

/** An answer of the database that ends the run. */
export function statementFailure(label: string, error: Error): BenchError {
  const { code = "", message } = error as DriverError;
  const kind = isNoSpace(code, message) ? "disk full" : "node failed";
  return new BenchError(kind, `${label}: ${code} ${message}`, {}, { cause: error });
}

/** A connection that cannot be had, or not again. */
export function connectionFailure(kind: FailureKind, label: string, error: unknown): BenchError {
  const { code = "", message } = error as DriverError;
  const what = message.includes(code) ? message : `${code} ${message}`;
  return new BenchError(isNoSpace(code, message) ? "disk full" : kind, `${label}: ${what}`, {}, { cause: error });
}

const isNoSpace = (code: string, message: string): boolean => FULL.test(code) || NO_SPACE.test(message);

/** What the worker reads. Anything unexpected is a bug, and its stack goes to the log. */
export function toNodeFailure(error: unknown): NodeFailure {
  if (error instanceof BenchError) return { kind: error.kind, message: error.message };
  return { kind: "bug", message: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
}
