/**
 * What GitHub shows of a sweep: the check first, since it must not stay open, then the comments. Where GitHub refuses one,
 * such as a comment in a conversation that is locked, the other is shown all the same.
 */

import { SweepCheck, type CheckText, type Conclusion } from "#activities/github/check-run";
import { OwnComments } from "#activities/github/comments";
import type { GithubApp } from "#activities/github/github-app";
import { heedAnswers, isRefusal } from "#activities/github/github-answers";
import type { SweepOnPullRequest } from "#model/pull-request";

export class SweepDisplay {
  readonly #app: GithubApp;
  readonly #check: SweepCheck;
  readonly #comments: OwnComments;
  readonly #sweepId: string;
  #isOpen = false;

  constructor(app: GithubApp, sweep: SweepOnPullRequest) {
    this.#app = app;
    this.#check = new SweepCheck(app, sweep);
    this.#comments = new OwnComments(app, sweep.request.pullRequest);
    this.#sweepId = sweep.sweepId;
  }

  /** What GitHub refuses now it may take next time: a comment was deleted, the conversation is locked. */
  async showProgress(text: string): Promise<void> {
    const refusals = await this.#sayAll(
      () => this.#check.put({ title: "Under way", summary: text }),
      async () => {
        if (!this.#isOpen) await this.#openComments();
        this.#isOpen = true;
        await this.#comments.put(`status:${this.#sweepId}`, text);
      },
    );
    if (refusals.length === 0) return;
    this.#check.forget();
    this.#comments.forget();
  }

  /** @throws {BenchError} `github refused`, where neither can be shown. */
  async conclude(conclusion: Conclusion, output: CheckText): Promise<void> {
    const [refusal, another] = await this.#sayAll(
      () => this.#check.put(output, conclusion),
      async () => {
        await this.#comments.put(`final:${this.#sweepId}`, output.summary);
        await this.#comments.minimise(`status:${this.#sweepId}`);
      },
    );
    if (another !== undefined) throw refusal;
  }

  /** Of a sweep that was resumed after its verdict: that is old now, and it is measured again. */
  async #openComments(): Promise<void> {
    await this.#comments.unfold(`status:${this.#sweepId}`);
    await this.#comments.retire(`final:${this.#sweepId}`);
  }

  /** @returns What GitHub refused. */
  async #sayAll(...texts: readonly (() => Promise<void>)[]): Promise<unknown[]> {
    const refusals: unknown[] = [];
    for (const say of texts) {
      try {
        await heedAnswers(this.#app, say);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        refusals.push(error);
      }
    }
    return refusals;
  }
}
