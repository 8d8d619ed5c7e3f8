/**
 * Meshbench at GitHub: one App, whose key lies in a file on the machine of this worker. Each repository's requests go out
 * with an installation token of an hour, which stays in this process. Limits are heeded as GitHub's answers state them.
 */

import Bottleneck from "bottleneck";
import { App, Octokit } from "octokit";
import { LONGEST_WAIT_SEC, RateLimit, UNNAMED_LIMIT_SEC } from "#activities/github/rate-limit";
import { placeOf } from "#model/pull-request";
import type { RepositoryRef } from "#model/pull-request";

export interface GithubAppSettings {
  readonly appId: number;
  /** PEM. */
  readonly privateKey: string;
  /** Such as `https://api.github.com`. */
  readonly apiUrl: string;
}

/** GitHub asks for a second at least between requests that change something; timers may be early by a millisecond. */
const WRITE_EVERY_MS = 1010;

export interface GithubApp {
  readonly appId: number;
  /** @throws {RequestError} Where the App is not installed there. */
  forRepository(repository: RepositoryRef): Promise<Octokit>;
  /** How long GitHub forbids us to ask for anything; 0 where it does not. */
  forbiddenForMs(): number;
}

export function openGithubApp({ appId, privateKey, apiUrl }: GithubAppSettings): GithubApp {
  // One lane for all that is written. Octokit's own two let a comment and a check go out at the same moment; a comment that
  // went through this one twice would take two turns.
  const writes = new Bottleneck.Group({ maxConcurrent: 1, minTime: WRITE_EVERY_MS });
  const limit = new RateLimit();
  const app = new App({
    appId,
    privateKey,
    Octokit: Octokit.defaults({
      baseUrl: apiUrl,
      userAgent: "meshbench",
      request: { fetch: limit.fetch },
      // What failed may have been done. The activity's next attempt looks before it writes.
      retry: { enabled: false },
      throttle: {
        write: writes,
        notifications: new Bottleneck.Group(),
        fallbackSecondaryRateRetryAfter: UNNAMED_LIMIT_SEC,
        onRateLimit: waitWhereShort,
        onSecondaryRateLimit: waitWhereShort,
      },
    }),
  });
  const clients = new Map<string, Promise<Octokit>>();

  async function open(repository: RepositoryRef): Promise<Octokit> {
    const { data } = await app.octokit.request("GET /repos/{owner}/{repo}/installation", placeOf(repository));
    return app.getInstallationOctokit(data.id);
  }

  return {
    appId,
    forRepository(repository) {
      const key = `${repository.owner}/${repository.name}`;
      const opened = clients.get(key) ?? open(repository);
      clients.set(key, opened);
      opened.catch(() => clients.delete(key));
      return opened;
    },
    forbiddenForMs: () => limit.leftMs,
  };
}

const waitWhereShort = (retryAfterSec: number, _options: unknown, _octokit: unknown, retryCount: number): boolean =>
  retryAfterSec <= LONGEST_WAIT_SEC && retryCount < 3;
