/** Measures through the product, as a user does: a spec, `meshbench run`, rows and evidence. Needs `meshbench up`. */

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { EXIT, UnavailableError } from "#model/errors";
import type { RunRow, SweepDocument } from "#model/result-row";
import type { RunEvidence } from "#model/run";
import { findResultsStore } from "#worker/results";

/** The spec's keys, beside name, version and environment. */
export type Load = Readonly<Record<string, unknown>>;

/** What every bench measures on, unless its load says otherwise. */
const CONTAINERS = { provider: "docker", cpus: 2, memory: "1GiB" };

/**
 * Runs a sweep to its end; progress goes to stderr.
 * @returns Its rows, in the order they were measured. A run that is not VALID is among them.
 * @throws {UnavailableError} Nothing serves this machine.
 */
export async function runSweep(load: Load, environment: Load = {}): Promise<RunRow[]> {
  const dir = await mkdtemp(join(tmpdir(), "meshbench-bench-"));
  try {
    const specPath = join(dir, "spec.yaml");
    const environments = { containers: { ...CONTAINERS, ...environment } };
    // JSON is YAML.
    await writeFile(specPath, JSON.stringify({ version: 1, name: "bench", environments, attempts: 1, ...load }));
    return (await runSpec(specPath)).runs.slice();
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function runSpec(specPath: string): Promise<SweepDocument> {
  const cli = join(import.meta.dirname, "..", "..", "cli", "main.ts");
  const command = spawn(process.execPath, [cli, "run", specPath, "--json", "--on-interrupt", "cancel"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number | null>((resolve, reject) => command.once("error", reject).once("exit", resolve));
  const [document, code] = await Promise.all([text(command.stdout), ended]);
  if (code === EXIT.unavailable) throw new UnavailableError("no worker serves this machine", "npx meshbench up");
  if (code !== EXIT.ok && code !== EXIT.someRunsFailed) throw new Error(`meshbench run ended with ${code}`);
  return JSON.parse(document) as SweepDocument;
}

/** One run to its end. */
export async function runOnce(load: Load, environment: Load = {}): Promise<RunRow> {
  const [row] = await runSweep({ repetitions: 1, ...load }, environment);
  if (!row) throw new Error("the sweep had no run");
  return row;
}

/** All that was measured of a run. @throws {Error} Where it was not VALID: then there may be nothing to read. */
export async function evidenceOf({ run_id: runId, status, reason }: RunRow): Promise<RunEvidence> {
  if (status !== "VALID") throw new Error(`${runId} is ${status}: ${reason}`);
  const store = findResultsStore();
  try {
    const evidence = await store?.readEvidence(runId);
    if (!evidence) throw new Error(`${runId} has no evidence`);
    return evidence;
  } finally {
    store?.close();
  }
}
