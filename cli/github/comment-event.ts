/** The event of a comment, as GitHub hands it to a job: a file, whose texts come from anybody. */

import { z } from "zod";
import { readTextFile } from "#cli/read-text-file";
import type { CommentEvent } from "#model/comment-gate";
import { InputError } from "#model/errors";
import { jsonOrUndefined } from "#model/json";

const eventShape = z.object({
  action: z.string(),
  repository: z.object({ name: z.string(), owner: z.object({ login: z.string() }) }),
  issue: z.object({ number: z.int(), pull_request: z.unknown().optional() }),
  comment: z.object({
    id: z.int(),
    body: z.string(),
    user: z.object({ login: z.string(), type: z.string() }).nullable(),
  }),
});

/** @throws {InputError} Where the file holds no `issue_comment` event. */
export async function readCommentEvent(path: string): Promise<CommentEvent> {
  const parsed = eventShape.safeParse(
    jsonOrUndefined(await readTextFile(path, "GITHUB_EVENT_PATH", "set by GitHub's runner")),
  );
  if (!parsed.success) throw noEvent(path);
  const { action, repository, issue, comment } = parsed.data;
  return {
    action,
    repository: { owner: repository.owner.login, name: repository.name },
    number: issue.number,
    isPullRequest: issue.pull_request !== undefined,
    commentId: comment.id,
    body: comment.body,
    // Whoever is gone is shown as `ghost`, a user that everybody can see and nobody is.
    ...(comment.user !== null &&
      comment.user.login !== "ghost" && {
        author: {
          login: comment.user.login,
          isBot: comment.user.type !== "User" || comment.user.login.endsWith("[bot]"),
        },
      }),
  };
}

const noEvent = (path: string): InputError =>
  new InputError([{ field: "GITHUB_EVENT_PATH", value: path, rule: "holds no issue_comment event" }]);
