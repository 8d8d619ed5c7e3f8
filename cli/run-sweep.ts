/** From a spec to a queued sweep, and on to its end. */

import { randomBytes } from "node:crypto";
import { withClient } from "#cli/client";
import { followToEnd } from "#cli/follow-to-end";
import { note, printData } from "#cli/output";
import { requireReadableResults } from "#cli/results";
import { readSourceSha } from "#worker/source-sha";
import { loadPlan } from "#cli/spec-file";
import { requireWorkers, startSweep } from "#cli/sweep-client";
import { EXIT, InputError } from "#model/errors";
import { newSweepId } from "#model/ids";
import type { SweepDocument } from "#model/result-row";
import { formatDuration } from "#model/units";
import { readLimits } from "#worker/limits";

export interface RunOptions {
  readonly set: readonly string[];
  readonly env?: string;
  readonly keep?: string;
  /** As typed. */
  readonly priority?: string;
  readonly detach?: boolean;
  readonly onInterrupt: "detach" | "cancel";
  readonly json?: boolean;
}

/** @returns The exit code. */
export async function runSweep(specName: string, options: RunOptions): Promise<number> {
  const { env, keep, detach = false, onInterrupt, json = false } = options;
  const priority = parsePriority(options.priority ?? "0");
  const set = keep === undefined ? options.set : [...options.set, `keep=${keep}`];
  const plan = await loadPlan({ spec: specName, set, env: env?.split(","), limits: readLimits() });
  const { name, environments } = plan.spec;
  const sweepId = newSweepId(name, new Date(), randomBytes(3).toString("hex"));
  requireReadableResults();

  return withClient(async (client) => {
    await requireWorkers(client, new Set(environments.map(({ host }) => host)));
    const sourceSha = await readSourceSha();
    const queue = async () => {
      await startSweep(client, { sweepId, plan, sourceSha, priority });
      note(`queued ${sweepId}: ${plan.runs.length} runs, about ${formatDuration(plan.estimatedSec)}`);
    };
    if (!detach) return followToEnd(client, sweepId, { onInterrupt, json, queue });
    await queue();
    const document: SweepDocument = { sweep_id: sweepId, status: "OPEN", runs: [] };
    printData(json, document, sweepId);
    note(`see it with: meshbench watch ${sweepId}`);
    return EXIT.ok;
  });
}

/** @throws {InputError} */
function parsePriority(text: string): number {
  if (/^-?\d{1,3}$/.test(text)) return Number(text);
  const rule = "must be an integer -999..999";
  throw new InputError([{ field: "--priority", value: text, rule, hint: "greater goes first; 0 unless said" }]);
}
