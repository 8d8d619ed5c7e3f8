/** The folder that results live in: made where it is missing, refused where it is not ours. */

import { lstatSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { InputError } from "#model/errors";

export const DATABASE_FILE = "results.sqlite";

/** @throws {InputError} Where it is no folder, cannot be written, is a link, or holds something else. */
export function openResultsDir(dir: string): void {
  try {
    makeDir(resolve(dir));
  } catch (error) {
    throw refusal(dir, `cannot be made: ${errnoOf(error)}`, "name a folder that you may write");
  }
  // A link could point anywhere, and change while a sweep runs.
  if (lstatSync(dir).isSymbolicLink()) throw refusal(dir, "is a symbolic link", "name the folder itself");
  const names = readNames(dir);
  if (names.length > 0 && !names.includes(DATABASE_FILE)) {
    throw refusal(
      dir,
      `holds no results but ${names.length} other entries`,
      "name an empty folder or one with results",
    );
  }
  const databaseFile = lstatSync(join(dir, DATABASE_FILE), { throwIfNoEntry: false });
  if (databaseFile && !databaseFile.isFile()) throw refusal(dir, `${DATABASE_FILE} in it is no plain file`);
}

/** Parents first. Node's own recursive mkdir never returns where the kernel refuses a folder with ENOENT, as in /proc. */
function makeDir(dir: string): void {
  const stats = statSync(dir, { throwIfNoEntry: false });
  if (stats?.isDirectory()) return;
  if (stats === undefined) makeDir(dirname(dir));
  mkdirSync(dir, { mode: 0o700 });
}

function readNames(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    throw refusal(dir, `cannot be read: ${errnoOf(error)}`);
  }
}

export function refusal(dir: string, rule: string, hint?: string): InputError {
  return new InputError([{ field: "results directory", value: dir, rule, ...(hint !== undefined && { hint }) }]);
}

const errnoOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);
