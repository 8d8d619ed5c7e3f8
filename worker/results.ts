/** The results store of this installation. */

import { lstatSync } from "node:fs";
import type { ResultsStore } from "#activities/results/results-store";
import { openSqliteStore } from "#activities/results/sqlite-store";
import { locateInstallation } from "#worker/installation";
import type { Installation } from "#worker/installation";

/**
 * Makes it where it is missing.
 * @throws {InputError} Where the results directory cannot be used.
 */
export function openResultsStore({ resultsDir }: Installation = locateInstallation()): ResultsStore {
  return openSqliteStore(resultsDir);
}

/**
 * For those who only read: makes nothing.
 * @returns `undefined` where nothing was ever measured here.
 * @throws {InputError} Where the results directory cannot be used.
 */
export function findResultsStore(installation: Installation = locateInstallation()): ResultsStore | undefined {
  // Whatever else stands there, or before it, the opening says what is wrong with it.
  return isMissing(installation.resultsDir) ? undefined : openResultsStore(installation);
}

function isMissing(path: string): boolean {
  try {
    lstatSync(path);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}
