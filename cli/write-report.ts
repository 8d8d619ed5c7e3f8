/** A sweep's report as files. */

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readSweepResults } from "#cli/results";
import { InputError } from "#model/errors";

/**
 * @returns The paths written.
 * @throws {InputError} No such sweep, or a folder that cannot be written.
 */
export async function writeReport(sweepId: string, directory: string): Promise<string[]> {
  const results = await readSweepResults(sweepId);
  // After the sweep is known: the plotting library is large.
  const { buildReport } = await import("#report/index");
  const paths: string[] = [];
  for (const [name, content] of await buildReport(results)) {
    const path = join(directory, name);
    await writeIn(directory, path, content);
    paths.push(path);
  }
  return paths;
}

async function writeIn(directory: string, path: string, content: string | Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    throw new InputError([{ field: "--out", value: directory, rule: `cannot be written: ${code}` }]);
  }
}
