/**
 * `meshbench github sweep | cancel`: a sweep that a job asks for. Its id follows from the job, the same in every attempt of
 * it: a job that is run again attaches to what its earlier attempt has begun.
 */

import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "@temporalio/client";
import { withClient } from "#cli/client";
import { followToEnd } from "#cli/follow-to-end";
import { readJobInputs, type JobInputs } from "#cli/github/job-inputs";
import { imageOf, readSourceCommit, readSourceFile } from "#cli/github/job-source";
import { note } from "#cli/output";
import { PRESETS } from "#cli/presets";
import { loadPlan } from "#cli/spec-file";
import { cancelSweep, readSweepState, requireWorkers, startSweep } from "#cli/sweep-client";
import { writeReport } from "#cli/write-report";
import type { RunCommand } from "#model/comment-command";
import { InputError } from "#model/errors";
import type { Plan } from "#model/plan";
import { readLimits } from "#worker/limits";
import { readSourceSha } from "#worker/source-sha";

/** Where the workflow checks the repository out. */
const SOURCE = "source";
const SUMMARY_LARGEST = 2 ** 20;

type Env = NodeJS.ProcessEnv;

/** @returns The exit code. */
export async function runJobSweep(env: Env = process.env): Promise<number> {
  const inputs = readJobInputs(env);
  const { sweepId } = inputs;
  // Names the report's artifact, also where this process does not live to see the end.
  await appendWhere(env["GITHUB_OUTPUT"], `sweep=${sweepId}\n`);
  return withClient(async (client) => {
    const queue = async () => {
      if ((await readSweepState(client, sweepId)) !== "unknown") return note(`attaching to ${sweepId}`);
      await queueSweep(client, inputs);
      note(`queued ${sweepId}`);
    };
    try {
      return await followToEnd(client, sweepId, { onInterrupt: "cancel", json: false, queue });
    } finally {
      await summarise(sweepId, env);
    }
  });
}

/** For the step after one that was killed. What has ended by itself, or never began, is left alone. */
export async function cancelJobSweep(env: Env = process.env): Promise<void> {
  const { sweepId } = readJobInputs(env);
  await withClient(async (client) => {
    if ((await readSweepState(client, sweepId)) !== "open") return note(`${sweepId} is not under way`);
    await cancelSweep(client, sweepId);
    note(`cancelling ${sweepId}`);
  });
}

async function queueSweep(client: Client, { sweepId, command, node }: JobInputs): Promise<void> {
  const isBuilt = node.kind === "source" || node.kind === "dockerfile";
  const sourceSha = await (isBuilt ? readSourceCommit(SOURCE) : readSourceSha());
  const plan = await planOf(command, await imageOf(node, SOURCE));
  await requireWorkers(client, new Set(plan.spec.environments.map(({ host }) => host)));
  await startSweep(client, { sweepId, plan, sourceSha, priority: command.priority });
}

async function planOf({ spec, set, env }: RunCommand, image: string | undefined): Promise<Plan> {
  const text = PRESETS.some((preset) => preset === spec) ? undefined : await readSourceFile(SOURCE, spec);
  const request = { spec, text, env, limits: readLimits() };
  const plan = await loadPlan({ ...request, set });
  if (image === undefined) return plan;
  const images = plan.spec.environments.map(({ name }) => `environments.${name}.image=${image}`);
  return loadPlan({ ...request, set: [...set, ...images] });
}

/** In the runner's folder for this job alone: the next job of this host finds nothing of it. */
async function summarise(sweepId: string, { RUNNER_TEMP = ".", GITHUB_STEP_SUMMARY }: Env): Promise<void> {
  const report = join(RUNNER_TEMP, "report");
  try {
    await writeReport(sweepId, report);
  } catch (error) {
    if (error instanceof InputError) return note(error.message); // nothing was measured
    throw error;
  }
  const text = await readFile(join(report, "report.md"), "utf8");
  const isSmall = Buffer.byteLength(text) < SUMMARY_LARGEST;
  await appendWhere(GITHUB_STEP_SUMMARY, isSmall ? text : `See the artifact \`${sweepId}\`.\n`);
}

async function appendWhere(file: string | undefined, text: string): Promise<void> {
  if (file) await appendFile(file, text);
}
