/** What GitHub forbids for a time holds for all that we ask of it: until then nothing is asked, whoever would. */

/** GitHub's own advice where it says nothing of how long to wait. */
export const UNNAMED_LIMIT_SEC = 60;
/** What lasts longer is not waited for in here: Temporal has the activity come again when it is over. */
export const LONGEST_WAIT_SEC = 300;

/** Between Octokit and the network, so that requests which already wait for their turn are held back as well. */
export class RateLimit {
  #overAtMs = 0;

  /** 0 where we may ask. */
  get leftMs(): number {
    return Math.max(0, this.#overAtMs - Date.now());
  }

  /** @throws {Error} Instead of asking, where the limit lasts long. */
  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    await this.#passed();
    const answer = await globalThis.fetch(input, init);
    this.#overAtMs = Math.max(this.#overAtMs, Date.now() + 1000 * (await readLimitSec(answer)));
    return answer;
  };

  /** Meanwhile another answer may prolong it. */
  async #passed(): Promise<void> {
    for (let leftMs = this.leftMs; leftMs > 0; leftMs = this.leftMs) {
      if (leftMs > 1000 * LONGEST_WAIT_SEC) {
        throw new Error(`GitHub forbids more until ${new Date(this.#overAtMs).toISOString()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, leftMs));
    }
  }
}

/** @returns 0 where we may go on. */
async function readLimitSec(answer: Response): Promise<number> {
  const { status, headers } = answer;
  const isForbidden = status === 403 || status === 429;
  const retryAfter = headers.get("retry-after");
  if (isForbidden && retryAfter !== null) return Number(retryAfter) || UNNAMED_LIMIT_SEC;
  if (headers.get("x-ratelimit-remaining") === "0") {
    return Number(headers.get("x-ratelimit-reset")) - Date.now() / 1000;
  }
  const isUnnamed = status === 429 || (isForbidden && /\bsecondary rate\b/i.test(await answer.clone().text()));
  return isUnnamed ? UNNAMED_LIMIT_SEC : 0;
}
