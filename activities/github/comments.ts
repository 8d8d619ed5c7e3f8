/**
 * Comments that exist once, whatever dies in between: each carries a mark that its next writer finds. A mark in somebody
 * else's comment counts for nothing.
 */

import type { Octokit } from "octokit";
import { markOf, placeOf } from "#model/pull-request";
import type { PullRequestRef } from "#model/pull-request";

interface FoundComment {
  readonly id: number;
  readonly nodeId: string;
  readonly body: string;
}

/** Writes the comment of this key, or changes it where it says something else. */
export async function upsertComment(
  octokit: Octokit,
  appId: number,
  { pullRequest, key, body }: { pullRequest: PullRequestRef; key: string; body: string },
): Promise<void> {
  const wanted = `${body}\n\n${markOf(key)}`;
  const [found] = await findComments(octokit, appId, pullRequest, key);
  const place = placeOf(pullRequest.repository);
  if (found === undefined) {
    await octokit.rest.issues.createComment({ ...place, issue_number: pullRequest.number, body: wanted });
  } else if (found.body !== wanted) {
    await octokit.rest.issues.updateComment({ ...place, comment_id: found.id, body: wanted });
  }
}

/** Folds a comment of our own away that has nothing new to say: it stays readable. */
export async function minimiseComment(
  octokit: Octokit,
  appId: number,
  { pullRequest, key }: { pullRequest: PullRequestRef; key: string },
): Promise<void> {
  for (const { nodeId } of await findComments(octokit, appId, pullRequest, key)) {
    await octokit.graphql(
      `mutation ($id: ID!) {
        minimizeComment(input: { subjectId: $id, classifier: OUTDATED }) { minimizedComment { isMinimized } }
      }`,
      { id: nodeId },
    );
  }
}

async function findComments(
  octokit: Octokit,
  appId: number,
  pullRequest: PullRequestRef,
  key: string,
): Promise<FoundComment[]> {
  const comments = await octokit.paginate(octokit.rest.issues.listComments, {
    ...placeOf(pullRequest.repository),
    issue_number: pullRequest.number,
    per_page: 100,
  });
  return comments
    .filter((one) => one.performed_via_github_app?.id === appId && one.body?.includes(markOf(key)))
    .map(({ id, node_id: nodeId, body = "" }) => ({ id, nodeId, body }));
}
