/** An answer that came in pages, put together again. */

import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { UnavailableError } from "#model/errors";
import type { ResultsPage } from "#model/results-question";

const ATTEMPTS = 5;

/**
 * Begins again where the answer changed between two of its pages.
 * @param readPage - From 0.
 * @throws {UnavailableError} Where it never stays the same for so long.
 */
export async function readAnswer(readPage: (page: number) => Promise<ResultsPage>): Promise<unknown> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const packed = await readWhole(readPage);
    if (packed !== undefined) return JSON.parse((await promisify(gunzip)(packed)).toString("utf8")) as unknown;
  }
  throw new UnavailableError("the results change faster than they can be read", "ask again");
}

async function readWhole(readPage: (page: number) => Promise<ResultsPage>): Promise<Buffer | undefined> {
  const first = await readPage(0);
  const pages = [first];
  while (pages.length < first.pages) pages.push(await readPage(pages.length));
  const packed = Buffer.concat(pages.map(({ data }) => Buffer.from(data, "base64")));
  return createHash("sha256").update(packed).digest("hex") === first.digest ? packed : undefined;
}
