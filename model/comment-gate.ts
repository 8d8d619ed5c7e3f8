/**
 * Who may have a comment's command carried out. GitHub is asked for the permission: what the event says of the author
 * (`author_association`) hides members and is no permission.
 */

import { COMMENT_HELP, parseComment, type CommentCommand } from "#model/comment-command";
import { InputError } from "#model/errors";
import type { CommentRequest, RepositoryRef } from "#model/pull-request";

/** What counts of an `issue_comment` event. */
export interface CommentEvent {
  readonly action: string;
  readonly repository: RepositoryRef;
  /** Of the issue; pull requests are issues. */
  readonly number: number;
  readonly isPullRequest: boolean;
  readonly commentId: number;
  readonly body: string;
  /** Absent where the account is gone. */
  readonly author?: { readonly login: string; readonly isBot: boolean };
}

/** What GitHub answers about a pull request. */
export interface PullRequestState {
  readonly isOpen: boolean;
  readonly headSha: string;
  /** From another repository: whoever wrote it may have no say here. */
  readonly isFork: boolean;
}

export type GateVerdict =
  | { readonly verdict: "ignore"; readonly why: string }
  /** Answered with these words, and nothing is done. */
  | { readonly verdict: "refuse"; readonly why: string }
  | { readonly verdict: "go"; readonly request: CommentRequest; readonly command: CommentCommand };

/** The permissions that may. `maintain` and `triage` are answered as `write` and `read`. */
const MAY_COMMAND: ReadonlySet<string> = new Set(["admin", "write"]);

/** Before GitHub is asked anything: most comments are not for us. */
export function ignoredBecause(event: CommentEvent): string | undefined {
  if (event.action !== "created") return `the comment was ${event.action}`;
  if (!event.isPullRequest) return "it stands under an issue";
  if (event.author === undefined) return "its author's account is gone";
  if (event.author.isBot) return "a bot wrote it";
  return asksNothing(event.body) ? "it asks nothing of us" : undefined;
}

function asksNothing(body: string): boolean {
  try {
    return parseComment(body) === undefined;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

/**
 * @param permission - As GitHub's API answers; anything but admin and write is a no, what it does not know included.
 * @param pullRequest - Asked for once; its commit is pinned from here on.
 */
export function judgeComment(event: CommentEvent, permission: string, pullRequest: PullRequestState): GateVerdict {
  const ignored = ignoredBecause(event);
  if (ignored !== undefined) return { verdict: "ignore", why: ignored };
  if (!MAY_COMMAND.has(permission)) {
    return { verdict: "refuse", why: `permission found: ${permission || "none"}; needed: write` };
  }
  const command = readCommand(event.body);
  if (typeof command === "string") return { verdict: "refuse", why: command };
  const why = refusedBecause(command, pullRequest);
  if (why !== undefined) return { verdict: "refuse", why };
  const { repository, number, commentId, author } = event;
  const request = {
    pullRequest: { repository, number },
    commentId,
    author: author?.login ?? "",
    headSha: pullRequest.headSha,
  };
  return { verdict: "go", request, command };
}

/** @returns A text where it cannot be read: what is wrong, and what can be said. */
function readCommand(body: string): CommentCommand | string {
  try {
    return parseComment(body) ?? { verb: "help" };
  } catch (error) {
    if (error instanceof InputError) return `${error.message}\n\n${COMMENT_HELP}`;
    throw error;
  }
}

/** Only what measures runs code of the pull request. */
function refusedBecause(command: CommentCommand, { isOpen, headSha, isFork }: PullRequestState): string | undefined {
  if (command.verb !== "run") return undefined;
  if (!isOpen) return "the pull request is closed";
  if (command.sha !== undefined && command.sha !== headSha) {
    return `the pull request has moved: sha=${command.sha} was asked for, its head is ${headSha}`;
  }
  if (isFork && command.sha === undefined && command.image === undefined) {
    return `it comes from a fork, whose code runs only where you name the commit that you have read: sha=${headSha}`;
  }
  return undefined;
}
