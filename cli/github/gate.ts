/**
 * `meshbench github gate`: the first job of a comment, on a machine of GitHub's with the job's own token. It decides, says
 * no where the answer is no, and hands on what the second job may do: nothing it has not pinned.
 */

import { appendFile } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { Octokit, RequestError } from "octokit";
import { readCommentEvent } from "#cli/github/comment-event";
import { loadArmedPlan } from "#cli/github/armed-plan";
import { ORDER_LARGEST_BYTES, writeOrder, type CommentOrder } from "#cli/github/comment-order";
import { refusalText } from "#cli/github/refusal-text";
import { note } from "#cli/output";
import { PRESETS } from "#cli/presets";
import { ignoredBecause, judgeComment, type CommentEvent, type GateVerdict } from "#model/comment-gate";
import { InputError } from "#model/errors";
import { markOf, placeOf } from "#model/pull-request";
import { DEFAULT_LIMITS } from "#model/spec-schema";
import { answerComment } from "#report/pull-request";

/** @throws {InputError} Where it runs outside a job of GitHub's. */
export async function gateComment(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const event = await readCommentEvent(requireVariable(env, "GITHUB_EVENT_PATH"));
  const ignored = ignoredBecause(event);
  if (ignored !== undefined) return conclude(env, "ignore", ignored);
  const octokit = new Octokit({
    auth: requireVariable(env, "GITHUB_TOKEN"),
    ...(env["GITHUB_API_URL"] && { baseUrl: env["GITHUB_API_URL"] }),
  });
  const verdict = await withSpec(octokit, await judge(octokit, event));
  switch (verdict.verdict) {
    case "ignore":
      return conclude(env, "ignore", verdict.why);
    case "refuse":
      await answerOnce(octokit, event, verdict.why);
      await react(octokit, event, "confused");
      return conclude(env, "refuse", verdict.why);
    case "go":
      await react(octokit, event, "eyes");
      return conclude(env, "go", verdict.why, verdict.order);
  }
}

type OrderedVerdict =
  | Exclude<GateVerdict, { verdict: "go" }>
  /** As `writeOrder` has it. */
  | { readonly verdict: "go"; readonly why: string; readonly order: string };

async function judge(octokit: Octokit, event: CommentEvent): Promise<GateVerdict> {
  const { repository, number, author } = event;
  const place = placeOf(repository);
  const permission = await readPermission(octokit, place, author?.login ?? "");
  const { data: pull } = await octokit.rest.pulls.get({ ...place, pull_number: number });
  return judgeComment(event, permission, {
    isOpen: pull.state === "open",
    headSha: pull.head.sha,
    // Of a fork that was deleted nothing is left but the commits.
    isFork: pull.head.repo?.full_name !== pull.base.repo.full_name,
  });
}

/** Whom GitHub does not know there has none. */
async function readPermission(octokit: Octokit, place: ReturnType<typeof placeOf>, username: string) {
  try {
    const { data } = await octokit.rest.repos.getCollaboratorPermissionLevel({ ...place, username });
    return data.permission;
  } catch (error) {
    if (error instanceof RequestError && error.status === 404) return "none";
    throw error;
  }
}

/** The spec is read at the pinned commit, and checked here: whoever asked hears of a mistake at once. */
async function withSpec(octokit: Octokit, verdict: GateVerdict): Promise<OrderedVerdict> {
  if (verdict.verdict !== "go") return verdict;
  const { request, command } = verdict;
  try {
    const order = writeOrder({ request, command, ...(await readCheckedSpec(octokit, request, command)) });
    return { verdict: "go", why: `${command.verb} for ${request.author}`, order };
  } catch (error) {
    const why = refusalText(error);
    if (why === undefined) throw error;
    return { verdict: "refuse", why };
  }
}

async function readCheckedSpec(
  octokit: Octokit,
  request: CommentOrder["request"],
  command: CommentOrder["command"],
): Promise<Pick<CommentOrder, "specText">> {
  if (command.verb !== "run" && command.verb !== "plan") return {};
  const specText = await readSpec(octokit, request, command.spec);
  await loadArmedPlan(command, specText, DEFAULT_LIMITS);
  return specText === undefined ? {} : { specText };
}

/** @returns `undefined` for a preset, which comes with Meshbench. */
async function readSpec(octokit: Octokit, { pullRequest, headSha }: CommentOrder["request"], path: string) {
  if (PRESETS.some((preset) => preset === path)) return undefined;
  try {
    const { data } = await octokit.rest.repos.getContent({ ...placeOf(pullRequest.repository), path, ref: headSha });
    if (!("content" in data) || data.type !== "file" || data.size > ORDER_LARGEST_BYTES) {
      throw new InputError([
        { field: "spec", value: path, rule: `is no file of at most ${ORDER_LARGEST_BYTES} bytes` },
      ]);
    }
    return Buffer.from(data.content, "base64").toString("utf8");
  } catch (error) {
    if (!(error instanceof RequestError) || error.status !== 404) throw error;
    const hint = `presets: ${PRESETS.join(", ")}`;
    throw new InputError([{ field: "spec", value: path, rule: `neither a preset nor a file of ${headSha}`, hint }]);
  }
}

/** One that cannot be given is no failure: the comment was deleted, or the conversation is locked. */
async function react(octokit: Octokit, event: CommentEvent, content: "eyes" | "confused"): Promise<void> {
  const place = { ...placeOf(event.repository), comment_id: event.commentId };
  try {
    await octokit.rest.reactions.createForIssueComment({ ...place, content });
  } catch (error) {
    if (!(error instanceof RequestError) || error.status >= 500) throw error;
    note(`no reaction: ${error.message}`);
  }
}

/** The job may be run again: its answer is there once. Jobs of one comment wait for each other. */
async function answerOnce(octokit: Octokit, { repository, number, commentId, author }: CommentEvent, why: string) {
  const place = { ...placeOf(repository), issue_number: number };
  const mark = markOf(`refusal:${commentId}`);
  const comments = await octokit.paginate(octokit.rest.issues.listComments, { ...place, per_page: 100 });
  if (comments.some(({ body, user }) => user?.type === "Bot" && body?.includes(mark))) return;
  const body = `${answerComment(author?.login ?? "", why)}\n\n${mark}`;
  await octokit.rest.issues.createComment({ ...place, body });
}

/** For the jobs after this one. A delimiter that nobody can foresee keeps any text a value. */
async function conclude(env: NodeJS.ProcessEnv, verdict: string, why: string, order = ""): Promise<void> {
  note(`${verdict}: ${why}`);
  const lines = Object.entries({ verdict, order }).map(([name, value]) => {
    const delimiter = randomUUID();
    return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
  });
  await appendFile(requireVariable(env, "GITHUB_OUTPUT"), lines.join(""));
}

function requireVariable(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (value) return value;
  throw new InputError([{ field: name, value: "", rule: "is not set", hint: "GitHub's runner sets it in a job" }]);
}
