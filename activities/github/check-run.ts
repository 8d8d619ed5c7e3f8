/** The check on the measured commit: opened at the start, concluded whatever happens; another one for a resumed sweep. */

import type { GithubApp } from "#activities/github/github-app";
import { placeOf } from "#model/pull-request";
import type { SweepOnPullRequest } from "#model/pull-request";

/** What GitHub shows of it. */
export interface CheckText {
  readonly title: string;
  readonly summary: string;
}

export type Conclusion = "success" | "failure" | "neutral" | "cancelled";

/** Of one sweep, by whose id it is found again. It is looked for once, by whoever makes this. */
export class SweepCheck {
  readonly #app: GithubApp;
  readonly #sweep: SweepOnPullRequest;
  #id: number | undefined;

  constructor(app: GithubApp, sweep: SweepOnPullRequest) {
    this.#app = app;
    this.#sweep = sweep;
  }

  /**
   * Opens the check, or brings it up to date; with a conclusion it is over. Again, it changes nothing. A check that is over
   * is not opened again: the next one takes its place.
   */
  async put(output: CheckText, conclusion?: Conclusion): Promise<void> {
    const { request, sweepId, spec } = this.#sweep;
    const place = placeOf(request.pullRequest.repository);
    const { rest } = await this.#octokit();
    const name = `meshbench ${spec}`;
    const page = request.jobUrl === undefined ? {} : { details_url: request.jobUrl };
    const state =
      conclusion === undefined ? { status: "in_progress" as const } : { status: "completed" as const, conclusion };
    const newest = this.#id === undefined ? await this.#findNewest(name) : undefined;
    if (newest !== undefined && (conclusion !== undefined || newest.status !== "completed")) this.#id = newest.id;
    if (this.#id === undefined) {
      const check = { name, head_sha: request.headSha, external_id: sweepId, ...page };
      const { data } = await rest.checks.create({ ...place, ...check, output, ...state });
      this.#id = data.id;
    } else {
      await rest.checks.update({ ...place, check_run_id: this.#id, output, ...state });
    }
  }

  forget(): void {
    this.#id = undefined;
  }

  #octokit() {
    return this.#app.forRepository(this.#sweep.request.pullRequest.repository);
  }

  async #findNewest(name: string) {
    const { request, sweepId } = this.#sweep;
    const octokit = await this.#octokit();
    const checks = await octokit.paginate(octokit.rest.checks.listForRef, {
      ...placeOf(request.pullRequest.repository),
      ref: request.headSha,
      check_name: name,
      filter: "all",
      per_page: 100,
    });
    const own = checks.filter(({ external_id: externalId }) => externalId === sweepId);
    return own.toSorted((a, b) => a.id - b.id).at(-1);
  }
}
