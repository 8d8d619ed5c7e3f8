/** What a comment's command does that measures nothing: a plan, or what the command line's command of the same name says. */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { loadArmedPlan } from "#cli/github/armed-plan";
import { planText } from "#cli/plan-view";
import { listSweeps } from "#cli/results";
import { COMMENT_HELP, type CommentCommand, type RunCommand } from "#model/comment-command";
import { InputError } from "#model/errors";
import { sweepPrefixOf, type CommentRequest } from "#model/pull-request";
import { readLimits } from "#worker/limits";
import type { AnsweredComment } from "#workflows/messages";

const CLI = join(import.meta.dirname, "..", "main.ts");
const ANSWER_LIMIT_MS = 60_000;

type Answer = Pick<AnsweredComment, "text" | "isRefusal">;

/** @throws {InputError} Where it cannot be. */
export async function carryOut(
  command: Exclude<CommentCommand, RunCommand>,
  request: CommentRequest,
  specText: string | undefined,
): Promise<Answer> {
  if (command.verb === "help") return { text: COMMENT_HELP };
  if (command.verb !== "plan") return answerOf(await argumentsOf(command, request));
  const { plan } = await loadArmedPlan(command, specText, readLimits());
  return { text: planText(plan, keysOf(command.set)) };
}

const keysOf = (set: readonly string[]): string[] => set.map((text) => text.slice(0, text.indexOf("=")));

/** Of the command of the same name. Sweeps are those of this repository's pull requests. */
export async function argumentsOf(
  command: Exclude<CommentCommand, { verb: "run" | "plan" | "help" }>,
  request: CommentRequest,
): Promise<string[]> {
  switch (command.verb) {
    case "queue":
      return ["queue"];
    case "compare":
      return ["compare", ownSweep(command.a, request), ownSweep(command.b, request)];
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

async function sweepOf(named: string | undefined, request: CommentRequest): Promise<string> {
  if (named !== undefined) return ownSweep(named, request);
  const { repository, number } = request.pullRequest;
  const prefix = `${sweepPrefixOf(repository)}${number}-`;
  const newest = (await listSweeps()).find(({ sweep }) => isBehind(prefix, sweep.sweepId, /^\d+$/));
  if (newest) return newest.sweep.sweepId;
  const rule = "this pull request has no sweep yet";
  throw new InputError([{ field: "SWEEP", value: "", rule, hint: "/bench run SPEC starts one" }]);
}

/** Another repository's prefix may begin with this one's. */
const isBehind = (prefix: string, text: string, rest: RegExp): boolean =>
  text.startsWith(prefix) && rest.test(text.slice(prefix.length));

/** Whoever may write in one repository has no say over another one's sweeps, nor sees them. */
function ownSweep(named: string, { pullRequest }: CommentRequest): string {
  if (isBehind(sweepPrefixOf(pullRequest.repository), named, /^\d+-\d+(?::|$)/)) return named;
  throw new InputError([{ field: "SWEEP", value: named, rule: "is no sweep of this repository's pull requests" }]);
}

/** What the command says, whatever comes of it. Its words passed the comment's grammar; no shell reads them. */
async function answerOf(args: string[]): Promise<Answer> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [CLI, ...args], {
      timeout: ANSWER_LIMIT_MS,
    });
    return { text: stdout.trim() || stderr.trim() || "done" };
  } catch (error) {
    const { stderr = "", message } = error as Error & { stderr?: string };
    return { text: stderr.trim() || message, isRefusal: true };
  }
}
