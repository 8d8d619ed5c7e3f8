/** What follows for an activity where GitHub does not do what it was asked. */

import { ApplicationFailure } from "@temporalio/common";
import { RequestError } from "octokit";
import type { GithubApp } from "#activities/github/github-app";
import { BenchError } from "#model/errors";

/** Of the answers 400..499, these may be others later: the App's key is mended, GitHub has time again. */
const PASSING: ReadonlySet<number> = new Set([401, 408, 429]);

/**
 * GitHub that is away, or forbids more for an hour, is asked again; the latter not before its time. What it refuses would be
 * refused again.
 * @throws {BenchError} `github refused`.
 * @throws {ApplicationFailure} With the delay to the next attempt.
 */
export async function heedAnswers<T>(app: GithubApp, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const waitMs = app.forbiddenForMs();
    if (waitMs > 0) throw comeAgain(waitMs, error);
    if (error.status < 400 || error.status >= 500 || PASSING.has(error.status)) throw error;
    throw new BenchError("github refused", describe(error), {}, { cause: error });
  }
}

export const isRefusal = (error: unknown): boolean => error instanceof BenchError && error.kind === "github refused";

const comeAgain = (waitMs: number, cause: RequestError): ApplicationFailure =>
  ApplicationFailure.create({
    type: "github limit",
    message: `GitHub forbids more for ${Math.ceil(waitMs / 1000)} s`,
    nextRetryDelay: waitMs,
    cause,
  });

function describe({ request, status, message }: RequestError): string {
  const [reason] = message.split(" - ", 1);
  return `${request.method} ${new URL(request.url).pathname}: ${status} ${reason}`;
}
