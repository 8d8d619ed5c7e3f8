/** Where a job of GitHub's is seen: the page of its run. */

/** @returns Nothing outside of jobs. */
export function jobUrlOf(env: NodeJS.ProcessEnv): string | undefined {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: runId } = env;
  if (!server || !repository || !runId) return undefined;
  return new URL(`${repository}/actions/runs/${runId}`, `${server}/`).href;
}
