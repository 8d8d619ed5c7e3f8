/**
 * Histories of real workflows, kept beside the tests and replayed by `test/workflows/replay.real.test.ts`: code that would
 * decide differently shows there. `RECORD_HISTORIES=1 npx vitest run --project real test/workflows` writes them anew;
 * do that only where `patched()` is no option.
 */

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import type { WorkflowHandle } from "@temporalio/client";
import { historyFromJSON, historyToJSON } from "@temporalio/common/lib/proto-utils.js";

const DIRECTORY = new URL("../workflows/histories/", import.meta.url);

/** Does nothing unless histories are being recorded. */
export async function recordHistory(handle: Pick<WorkflowHandle, "fetchHistory">, name: string): Promise<void> {
  if (process.env["RECORD_HISTORIES"] !== "1") return;
  await mkdir(DIRECTORY, { recursive: true });
  await writeFile(new URL(`${name}.json`, DIRECTORY), historyToJSON(await handle.fetchHistory()));
}

export async function readHistories(): Promise<{ name: string; history: ReturnType<typeof historyFromJSON> }[]> {
  const files = (await readdir(DIRECTORY)).filter((file) => file.endsWith(".json")).sort();
  return Promise.all(
    files.map(async (file) => ({
      name: file.replace(/\.json$/, ""),
      history: historyFromJSON(JSON.parse(await readFile(new URL(file, DIRECTORY), "utf8"))),
    })),
  );
}
