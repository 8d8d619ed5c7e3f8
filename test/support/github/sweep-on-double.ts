/** A sweep that a comment on the double's pull request asked for. */

import type { SweepOnPullRequest } from "#model/pull-request";
import type { GithubDouble } from "#test/support/github/github-double";

export const HEAD_SHA = "a".repeat(40);

export const sweepOn = ({ repository }: GithubDouble): SweepOnPullRequest => ({
  request: { pullRequest: { repository, number: 7 }, commentId: 1, author: "ada", headSha: HEAD_SHA },
  sweepId: "pr-octo-mesh-7-1",
  spec: "quick",
  arms: [{ name: "head", sha: HEAD_SHA }],
});
