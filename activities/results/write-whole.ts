/** Files that are there whole or not at all. */

import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { BenchError } from "#model/errors";

const NO_SPACE: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT"]);

/**
 * Writes a file that only its owner may read, by way of a temporary one; replaces what is there. Folders are made.
 * @throws {BenchError} `collect` where there is no space; nothing is left of the try.
 */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}-${counter++}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    if (!NO_SPACE.has((error as NodeJS.ErrnoException).code)) throw error;
    throw new BenchError("collect", `no space left for ${path}`, {}, { cause: error });
  }
}

let counter = 0;
