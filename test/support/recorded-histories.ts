/**
 * Histories of real workflows, in a folder for each released version, replayed by `test/workflows/replay.real.test.ts`:
 * code that would decide differently from one of those versions shows there.
 * `RECORD_HISTORIES=1 npx vitest run --project real test/workflows` writes those of this version anew; see
 * `docs/upgrading.md` for when.
 */

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import type { WorkflowHandle } from "@temporalio/client";
import packageJson from "#package.json" with { type: "json" };
import { historyFromJSON, historyToJSON } from "@temporalio/common/lib/proto-utils.js";

const ROOT = new URL("../workflows/histories/", import.meta.url);

/** Does nothing unless histories are being recorded. */
export async function recordHistory(handle: Pick<WorkflowHandle, "fetchHistory">, name: string): Promise<void> {
  if (process.env["RECORD_HISTORIES"] !== "1") return;
  const directory = new URL(`${packageJson.version}/`, ROOT);
  await mkdir(directory, { recursive: true });
  const history = withoutStackTraces(historyToJSON(await handle.fetchHistory()));
  await writeFile(new URL(`${name}.json`, directory), history);
}

/** They show where the recording machine keeps its files, and no workflow decides by them. */
const withoutStackTraces = (json: string) => json.replaceAll(/"stackTrace": "(?:[^"\\]|\\.)*"/g, '"stackTrace": ""');

export interface RecordedHistory {
  /** The version that made it, a slash, and what it shows. */
  readonly name: string;
  readonly history: ReturnType<typeof historyFromJSON>;
}

/** Of all versions, by name. */
export async function readHistories(): Promise<RecordedHistory[]> {
  const files = (await readdir(ROOT, { recursive: true })).filter((file) => file.endsWith(".json"));
  const names = files.map((file) => file.replace(/\.json$/, "")).sort();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(`${name}.json`, ROOT), "utf8");
      return { name, history: historyFromJSON(JSON.parse(text)) };
    }),
  );
}
