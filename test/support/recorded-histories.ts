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

export interface RecordedHistory {
  readonly name: string;
  readonly history: ReturnType<typeof historyFromJSON>;
}

/** By name. */
export async function readHistories(): Promise<RecordedHistory[]> {
  const names = (await readdir(DIRECTORY)).map((file) => file.replace(/\.json$/, "")).sort();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(`${name}.json`, DIRECTORY), "utf8");
      return { name, history: historyFromJSON(JSON.parse(text)) };
    }),
  );
}
