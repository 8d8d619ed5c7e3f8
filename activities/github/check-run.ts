/** The check on the measured commit: opened at the start, concluded whatever happens, one for each sweep. */

import type { Octokit } from "octokit";
import { placeOf } from "#model/pull-request";
import type { RepositoryRef } from "#model/pull-request";

/** What GitHub shows of it. */
export interface CheckText {
  readonly title: string;
  readonly summary: string;
}

export interface CheckRef {
  readonly repository: RepositoryRef;
  readonly headSha: string;
  /** Of which there is one check: found again by it. */
  readonly sweepId: string;
  readonly name: string;
}

export type Conclusion = "success" | "failure" | "neutral" | "cancelled";

/** Opens the check, or brings it up to date; with a conclusion it is over. Again, it changes nothing. */
export async function upsertCheck(
  octokit: Octokit,
  check: CheckRef,
  output: CheckText,
  conclusion?: Conclusion,
): Promise<void> {
  const { repository, headSha, sweepId, name } = check;
  const place = placeOf(repository);
  const state =
    conclusion === undefined ? { status: "in_progress" as const } : { status: "completed" as const, conclusion };
  const id = await findCheck(octokit, check);
  if (id === undefined) {
    await octokit.rest.checks.create({ ...place, name, head_sha: headSha, external_id: sweepId, output, ...state });
  } else {
    await octokit.rest.checks.update({ ...place, check_run_id: id, output, ...state });
  }
}

async function findCheck(
  octokit: Octokit,
  { repository, headSha, sweepId, name }: CheckRef,
): Promise<number | undefined> {
  const checks = await octokit.paginate(octokit.rest.checks.listForRef, {
    ...placeOf(repository),
    ref: headSha,
    check_name: name,
    filter: "all",
    per_page: 100,
  });
  return checks.find(({ external_id: externalId }) => externalId === sweepId)?.id;
}
