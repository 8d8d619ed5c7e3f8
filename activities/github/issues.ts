/** Issues that exist once, found again by a mark, as comments are. */

import type { Octokit } from "octokit";
import { markOf, placeOf } from "#model/pull-request";
import type { RepositoryRef } from "#model/pull-request";
import type { IssueText } from "#report/nightly";

/**
 * Opens the issue, edits it, or closes it. One that a person has closed stays closed; one that would be born closed is
 * not opened.
 */
export async function upsertIssue(
  octokit: Octokit,
  appId: number,
  repository: RepositoryRef,
  { key, since, isOpen, title, body }: IssueText,
): Promise<void> {
  const place = placeOf(repository);
  const mark = markOf(key);
  const wanted = `${body}\n\n${mark}`;
  const issues = await octokit.paginate(octokit.rest.issues.listForRepo, {
    ...place,
    state: "all",
    // It was opened after the night that it is about; a day more, since the night's date is its time zone's.
    since: new Date(Date.parse(`${since}T00:00:00Z`) - 24 * 3600 * 1000).toISOString(),
    per_page: 100,
  });
  const found = issues.find((one) => one.performed_via_github_app?.id === appId && one.body?.includes(mark));
  if (found === undefined) {
    if (isOpen) await octokit.rest.issues.create({ ...place, title, body: wanted });
    return;
  }
  const isClosing = !isOpen && found.state === "open";
  if (found.body === wanted && found.title === title && !isClosing) return;
  const closing = isClosing ? ({ state: "closed", state_reason: "completed" } as const) : {};
  await octokit.rest.issues.update({ ...place, issue_number: found.number, title, body: wanted, ...closing });
}
