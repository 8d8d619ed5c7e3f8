/**
 * Comments that exist once, whatever dies in between: each carries a mark that its next writer finds. A mark in somebody
 * else's comment counts for nothing.
 */

import { FoundOnce } from "#activities/found-once";
import type { GithubApp } from "#activities/github/github-app";
import { markOf, placeOf } from "#model/pull-request";
import type { PullRequestRef } from "#model/pull-request";

interface OwnComment {
  readonly id: number;
  readonly nodeId: string;
  body: string;
}

/** Ours under one pull request. They are listed once, by whoever makes this: others of ours write others. */
export class OwnComments {
  readonly #app: GithubApp;
  readonly #pullRequest: PullRequestRef;
  readonly #listed = new FoundOnce(() => this.#read());

  constructor(app: GithubApp, pullRequest: PullRequestRef) {
    this.#app = app;
    this.#pullRequest = pullRequest;
  }

  /** Writes the comment of this key, or changes it where it says something else. */
  async put(key: string, body: string): Promise<void> {
    const { repository, number } = this.#pullRequest;
    const [{ rest }, own] = await Promise.all([this.#octokit(), this.#listed.get()]);
    const wanted = `${body}\n\n${markOf(key)}`;
    const found = own.find((one) => one.body.includes(markOf(key)));
    if (found === undefined) {
      const { data } = await rest.issues.createComment({ ...placeOf(repository), issue_number: number, body: wanted });
      own.push({ id: data.id, nodeId: data.node_id, body: wanted });
    } else if (found.body !== wanted) {
      await rest.issues.updateComment({ ...placeOf(repository), comment_id: found.id, body: wanted });
      found.body = wanted;
    }
  }

  /** Folds away what has nothing new to say: it stays readable. Where GitHub does not fold it, nothing is lost. */
  minimise(key: string): Promise<void> {
    return this.#mutate(
      key,
      `mutation ($id: ID!) {
        minimizeComment(input: { subjectId: $id, classifier: OUTDATED }) { minimizedComment { isMinimized } }
      }`,
    );
  }

  /** Shows again what was folded away. */
  unfold(key: string): Promise<void> {
    return this.#mutate(
      key,
      `mutation ($id: ID!) {
        unminimizeComment(input: { subjectId: $id }) { unminimizedComment { isMinimized } }
      }`,
    );
  }

  /** Folds it away for good: what is next written with this key is another comment. */
  async retire(key: string): Promise<void> {
    await this.minimise(key);
    const [{ rest }, own] = await Promise.all([this.#octokit(), this.#listed.get()]);
    for (const one of own.filter(({ body }) => body.includes(markOf(key)))) {
      const body = one.body.replace(markOf(key), markOf(`past-${key}`));
      await rest.issues.updateComment({ ...placeOf(this.#pullRequest.repository), comment_id: one.id, body });
      one.body = body;
    }
  }

  /** They may have changed: somebody has deleted one. */
  forget(): void {
    void this.#listed.forget();
  }

  async #mutate(key: string, mutation: string): Promise<void> {
    const [octokit, own] = await Promise.all([this.#octokit(), this.#listed.get()]);
    for (const { nodeId } of own.filter(({ body }) => body.includes(markOf(key)))) {
      try {
        await octokit.graphql(mutation, { id: nodeId });
      } catch (error) {
        if (!(error instanceof Error) || error.name !== "GraphqlResponseError") throw error;
      }
    }
  }

  #octokit() {
    return this.#app.forRepository(this.#pullRequest.repository);
  }

  async #read(): Promise<OwnComment[]> {
    const octokit = await this.#octokit();
    const comments = await octokit.paginate(octokit.rest.issues.listComments, {
      ...placeOf(this.#pullRequest.repository),
      issue_number: this.#pullRequest.number,
      per_page: 100,
    });
    return comments
      .filter((one) => one.performed_via_github_app?.id === this.#app.appId)
      .map(({ id, node_id: nodeId, body = "" }) => ({ id, nodeId, body }));
  }
}
