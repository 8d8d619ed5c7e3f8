/** `meshbench run SPEC`: queue a sweep and follow it to its end. */

import { randomBytes } from "node:crypto";
import { Command, Option } from "commander";
import { endedExitCode, printSweep } from "#cli/ended-sweep";
import { followSweep } from "#cli/follow";
import { note, printData } from "#cli/output";
import { readSourceSha } from "#cli/source-sha";
import { loadSpec } from "#cli/spec-file";
import { cancelSweep, requireWorkers, startSweep } from "#cli/sweep-client";
import { EXIT } from "#model/errors";
import { newSweepId } from "#model/ids";
import { expandPlan } from "#model/plan";
import { formatDuration } from "#model/units";
import { connectClient } from "#worker/temporal-connection";
import { readLimits } from "#worker/limits";

interface RunOptions {
  readonly set: readonly string[];
  readonly env?: string;
  readonly detach?: boolean;
  readonly onInterrupt: "detach" | "cancel";
  readonly json?: boolean;
}

export function runCommand(): Command {
  return new Command("run")
    .description("queue a sweep and follow it; Ctrl-C detaches, the sweep goes on")
    .argument("<spec>", "a YAML file, or a preset: quick, paper/test-1 … paper/test-4")
    .option("--set <key=value>", "set an axis or any key of the spec; repeatable", collect, [])
    .option("--env <names>", "only these environments, separated by commas")
    .option("--detach", "return once the sweep is queued")
    .addOption(
      new Option("--on-interrupt <what>", "what Ctrl-C does").choices(["detach", "cancel"] as const).default("detach"),
    )
    .option("--json", "print one JSON document when it ends")
    .action(async (spec: string, options: RunOptions) => {
      process.exitCode = await runSweep(spec, options);
    });
}

const collect = (value: string, before: readonly string[]) => [...before, value];

async function runSweep(specName: string, options: RunOptions): Promise<number> {
  const limits = readLimits();
  const spec = await loadSpec({ spec: specName, set: options.set, env: options.env?.split(","), limits });
  const plan = expandPlan(spec);
  const client = await connectClient();
  await requireWorkers(client, new Set(spec.environments.map(({ host }) => host)));

  const sweepId = newSweepId(spec.name, new Date(), randomBytes(3).toString("hex"));
  await startSweep(client, { sweepId, plan, sourceSha: await readSourceSha() });
  note(`queued ${sweepId}: ${plan.runs.length} runs, about ${formatDuration(plan.estimatedSec)}`);
  if (options.detach) {
    printData(options.json ?? false, { sweep_id: sweepId, status: "OPEN", runs: [] }, sweepId);
    return EXIT.ok;
  }

  const interrupted = new AbortController();
  let isCancelled = false;
  const onInterrupt = () => {
    if (options.onInterrupt === "detach" || isCancelled) return interrupted.abort();
    isCancelled = true;
    note(`cancelling ${sweepId} and waiting for its nodes to be removed; once more to stop waiting`);
    cancelSweep(client, sweepId).catch((error: unknown) => note(`could not cancel: ${String(error)}`));
  };
  process.on("SIGINT", onInterrupt).on("SIGTERM", onInterrupt);
  const state = await followSweep(client, sweepId, interrupted.signal);
  if (state === "detached") {
    note(`detached; the sweep goes on. See it with: meshbench watch ${sweepId}`);
    return EXIT.detached;
  }
  await printSweep(sweepId, options.json ?? false);
  note(`report: meshbench report ${sweepId}`);
  return endedExitCode(sweepId);
}
