/** The results store of this installation, or why it has none. */

import { lstatSync } from "node:fs";
import { join } from "node:path";
import { answerQuestion } from "#activities/results/answer-question";
import type { ResultsStore } from "#activities/results/results-store";
import { openSqliteStore } from "#activities/results/sqlite-store";
import type { AnswerTo, ResultsQuestion } from "#model/results-question";
import { readHostsFile } from "#worker/hosts-file";
import { locateInstallation } from "#worker/installation";
import type { Installation } from "#worker/installation";

/**
 * Makes it where it is missing.
 * @throws {InputError} Where the results directory cannot be used.
 */
export function openResultsStore({ resultsDir }: Installation = locateInstallation()): ResultsStore {
  return openSqliteStore(resultsDir);
}

/** Whether the operator says that another installation keeps the results of what is measured here. */
export const areResultsElsewhere = ({ hostsFile }: Pick<Installation, "hostsFile"> = locateInstallation()): boolean =>
  readHostsFile(hostsFile)?.results === "elsewhere";

/**
 * For those who only read: makes nothing.
 * @returns `undefined` where nothing was ever measured here, or results are kept elsewhere.
 * @throws {InputError} Where the results directory, or hosts.yaml, cannot be used.
 */
export function findResultsStore(installation: Installation = locateInstallation()): ResultsStore | undefined {
  // Whatever else stands there, or before it, the opening says what is wrong with it.
  const isElsewhere = isMissing(installation.resultsDir) || areResultsElsewhere(installation);
  return isElsewhere ? undefined : openResultsStore(installation);
}

/**
 * @returns `undefined` where this installation keeps no results.
 * @throws {InputError} See `findResultsStore`.
 */
export async function askResultsHere<Question extends ResultsQuestion>(
  question: Question,
): Promise<AnswerTo<Question> | undefined> {
  const store = findResultsStore();
  if (store === undefined) return undefined;
  try {
    return await answerQuestion(store, question);
  } finally {
    store.close();
  }
}

/** Where parts of evidence wait for each other. */
export const incomingDirOf = ({ resultsDir }: Pick<Installation, "resultsDir">): string => join(resultsDir, "incoming");

function isMissing(path: string): boolean {
  try {
    lstatSync(path);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}
