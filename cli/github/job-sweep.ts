/**
 * `meshbench github sweep | cancel`: a sweep that a job asks for. Its id is the job's, the same in every attempt of it: a job
 * that is run again attaches to what its earlier attempt has begun.
 */

import { appendFile, readFile, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import type { Client } from "@temporalio/client";
import { withClient } from "#cli/client";
import { followToEnd } from "#cli/follow-to-end";
import { note } from "#cli/output";
import { PRESETS } from "#cli/presets";
import { readTextFile } from "#cli/read-text-file";
import { loadPlan } from "#cli/spec-file";
import { cancelSweep, readSweepState, requireWorkers, startSweep } from "#cli/sweep-client";
import { writeReport } from "#cli/write-report";
import { parseComment, type RunCommand } from "#model/comment-command";
import { InputError, UnavailableError } from "#model/errors";
import type { Plan } from "#model/plan";
import { readLimits } from "#worker/limits";
import { buildSourceImage } from "#worker/source-image";

/** Where the workflow checks the repository out. */
const SOURCE = "source";
const REPORT = "report";
const SUMMARY_LARGEST = 2 ** 20;

type Env = NodeJS.ProcessEnv;

/** @returns The exit code. */
export async function runJobSweep(env: Env = process.env): Promise<number> {
  const sweepId = jobSweepId(env);
  const command = readInputs(env);
  return withClient(async (client) => {
    const queue = async () => {
      if ((await readSweepState(client, sweepId)) !== "unknown") return note(`attaching to ${sweepId}`);
      await queueSweep(client, sweepId, command, env);
      note(`queued ${sweepId}`);
    };
    try {
      return await followToEnd(client, sweepId, { onInterrupt: "cancel", json: false, queue });
    } finally {
      await summarise(sweepId, env["GITHUB_STEP_SUMMARY"]);
    }
  });
}

/** For the step after one that was killed. What has ended by itself, or never began, is left alone. */
export async function cancelJobSweep(env: Env = process.env): Promise<void> {
  const sweepId = jobSweepId(env);
  await withClient(async (client) => {
    if ((await readSweepState(client, sweepId)) !== "open") return note(`${sweepId} is not under way`);
    await cancelSweep(client, sweepId);
    note(`cancelling ${sweepId}`);
  });
}

async function queueSweep(client: Client, sweepId: string, command: RunCommand, env: Env): Promise<void> {
  const image = env["MESHBENCH_SOURCE"] ? await imageOfSource(env) : undefined;
  const plan = await planOf(command, image);
  await requireWorkers(client, new Set(plan.spec.environments.map(({ host }) => host)));
  const { priority } = command;
  await startSweep(client, { sweepId, plan, sourceSha: env["GITHUB_SHA"] ?? "", priority });
}

/** What is typed into the form passes the comment's grammar, and then the spec's. */
function readInputs(env: Env): RunCommand {
  const spec = env["MESHBENCH_SPEC"] ?? "";
  const command = parseComment(`/bench run ${spec} ${env["MESHBENCH_SET"] ?? ""}`);
  if (command?.verb === "run") return command;
  throw new InputError([{ field: "MESHBENCH_SPEC", value: spec, rule: "must be a preset or a path", hint: "quick" }]);
}

async function planOf({ spec, set, env }: RunCommand, image: string | undefined): Promise<Plan> {
  const text = PRESETS.some((preset) => preset === spec) ? undefined : await readSourceFile(spec);
  const request = { spec, text, env, limits: readLimits() };
  const plan = await loadPlan({ ...request, set });
  if (image === undefined) return plan;
  const images = plan.spec.environments.map(({ name }) => `environments.${name}.image=${image}`);
  return loadPlan({ ...request, set: [...set, ...images] });
}

/** A link in the repository must not lead out of it. */
async function readSourceFile(path: string): Promise<string> {
  const hint = `a file of the repository, or a preset: ${PRESETS.join(", ")}`;
  const [root, file] = await Promise.all([realpath(SOURCE), realpath(join(SOURCE, path))]).catch(() => ["", ""]);
  if (!file?.startsWith(`${root}${sep}`)) {
    throw new InputError([{ field: "spec", value: path, rule: "no such file in the repository", hint }]);
  }
  return readTextFile(file, "spec", hint);
}

async function imageOfSource(env: Env): Promise<string> {
  try {
    return await buildSourceImage(SOURCE, env);
  } catch (error) {
    const why = `no node image of this commit: ${(error as Error).message}`;
    throw new UnavailableError(why, "meshbench image build", { cause: error });
  }
}

async function summarise(sweepId: string, summaryFile: string | undefined): Promise<void> {
  try {
    await writeReport(sweepId, REPORT);
  } catch (error) {
    if (error instanceof InputError) return note(error.message); // nothing was measured
    throw error;
  }
  if (!summaryFile) return;
  const text = await readFile(join(REPORT, "report.md"), "utf8");
  await appendFile(summaryFile, Buffer.byteLength(text) < SUMMARY_LARGEST ? text : `See the artifact \`${REPORT}\`.\n`);
}

function jobSweepId({ GITHUB_REPOSITORY: repository = "", GITHUB_RUN_ID: runId = "" }: Env): string {
  if (!/^\d{1,20}$/.test(runId)) {
    throw new InputError([
      { field: "GITHUB_RUN_ID", value: runId, rule: "is not set", hint: "GitHub's runner sets it" },
    ]);
  }
  const slug = repository
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 40);
  return `job-${slug}-${runId}`;
}
