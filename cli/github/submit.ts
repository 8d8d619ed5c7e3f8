/**
 * `meshbench github submit`: the second job of a comment, on the bench. It starts the comment's workflow and is done; what
 * measures nothing is carried out here, by the command of the same name, and answered by the workflow.
 */

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError, type Client } from "@temporalio/client";
import { withClient } from "#cli/client";
import { readOrder, type CommentOrder } from "#cli/github/comment-order";
import { note, printData } from "#cli/output";
import { listSweeps } from "#cli/results";
import { loadPlan } from "#cli/spec-file";
import { requireWorkers } from "#cli/sweep-client";
import { COMMENT_HELP, type CommentCommand, type RunCommand } from "#model/comment-command";
import { InputError } from "#model/errors";
import { WORKFLOW_QUEUE } from "#model/ids";
import { commentSweepId, commentWorkflowId, sweepPrefixOf, type CommentRequest } from "#model/pull-request";
import { readLimits } from "#worker/limits";
import type { AnsweredComment, CommentInput } from "#workflows/messages";
import type { pullRequestCommentWorkflow } from "#workflows/pull-request-comment";

const CLI = join(import.meta.dirname, "..", "main.ts");
const ANSWER_LIMIT_MS = 60_000;

/** @param text - What the gate handed on. */
export async function submitOrder(text: string, json: boolean): Promise<void> {
  const order = readOrder(text);
  await withClient(async (client) => {
    const workflowId = commentWorkflowId(order.request);
    if (await isKnown(client, workflowId)) return note(`${workflowId} is there already: this delivery changes nothing`);
    const input = await inputOf(client, order);
    if (!(await start(client, workflowId, input))) return;
    const sweepId = "spec" in input ? commentSweepId(order.request) : null;
    printData(json, { workflow_id: workflowId, sweep_id: sweepId }, workflowId);
    if (sweepId !== null) note(`queued; see it with: meshbench watch ${sweepId}`);
  });
}

async function inputOf(client: Client, { request, command, specText }: CommentOrder): Promise<CommentInput> {
  try {
    if (command.verb !== "run") return { request, ...(await carryOut(command, request, specText)) };
    const { spec } = await loadPlan({ ...command, text: specText, limits: readLimits() });
    await requireWorkers(client, new Set(spec.environments.map(({ host }) => host)));
    return { request, command, spec };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { request, text: error.message, isRefusal: true };
  }
}

/** Another delivery may come at the same moment: the server lets one of them through. */
async function start(client: Client, workflowId: string, input: CommentInput): Promise<boolean> {
  try {
    await client.workflow.start<typeof pullRequestCommentWorkflow>("pullRequestCommentWorkflow", {
      taskQueue: WORKFLOW_QUEUE,
      workflowId,
      workflowIdReusePolicy: "REJECT_DUPLICATE",
      args: [input],
      staticSummary: `a comment of ${input.request.author}`,
    });
    return true;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    note(`${workflowId} is there already: this delivery changes nothing`);
    return false;
  }
}

async function isKnown(client: Client, workflowId: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId).describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

type Answer = Pick<AnsweredComment, "text" | "isRefusal">;

async function carryOut(
  command: Exclude<CommentCommand, RunCommand>,
  request: CommentRequest,
  specText: string | undefined,
): Promise<Answer> {
  if (command.verb === "help") return { text: COMMENT_HELP };
  const dir = await mkdtemp(join(tmpdir(), "meshbench-comment-"));
  try {
    if (specText !== undefined) await writeFile(join(dir, "spec.yaml"), specText);
    return await answerOf(await argumentsOf(command, request, specText === undefined ? undefined : "./spec.yaml"), dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

async function argumentsOf(
  command: Exclude<CommentCommand, RunCommand | { verb: "help" }>,
  request: CommentRequest,
  specFile: string | undefined,
): Promise<string[]> {
  switch (command.verb) {
    case "plan": {
      const env = command.env === undefined ? [] : ["--env", command.env.join(",")];
      return ["plan", specFile ?? command.spec, ...command.set.flatMap((one) => ["--set", one]), ...env];
    }
    case "queue":
      return ["queue"];
    case "compare":
      return ["compare", command.a, command.b, "--markdown"];
    case "retry":
      return ["resume", await sweepOf(command.sweep, request), "--only", command.only.toLowerCase(), "--detach"];
    case "resume":
      return ["resume", await sweepOf(command.sweep, request), "--detach"];
    case "status":
    case "pause":
    case "cancel":
      return [command.verb, await sweepOf(command.sweep, request)];
  }
}

/** Whoever may write in one repository has no say over another one's sweeps. */
async function sweepOf(
  named: string | undefined,
  { pullRequest: { repository, number } }: CommentRequest,
): Promise<string> {
  const prefix = sweepPrefixOf(repository);
  if (named !== undefined) {
    if (named.startsWith(prefix)) return named;
    throw new InputError([{ field: "SWEEP", value: named, rule: "is no sweep of this repository's pull requests" }]);
  }
  const newest = (await listSweeps()).find(({ sweep }) => sweep.sweepId.startsWith(`${prefix}${number}-`));
  if (newest) return newest.sweep.sweepId;
  const rule = "this pull request has no sweep yet";
  throw new InputError([{ field: "SWEEP", value: "", rule, hint: "/bench run SPEC starts one" }]);
}

/** What the command says, whatever comes of it. Its words passed the comment's grammar; no shell reads them. */
async function answerOf(args: string[], cwd: string): Promise<Answer> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [CLI, ...args], {
      cwd,
      timeout: ANSWER_LIMIT_MS,
    });
    return { text: stdout.trim() || stderr.trim() || "done" };
  } catch (error) {
    const { stderr = "", message } = error as Error & { stderr?: string };
    return { text: stderr.trim() || message, isRefusal: true };
  }
}
