/** Answers of any size, as pages that fit into a Temporal payload. */

import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { PAYLOAD_PART_BYTES } from "#activities/payload-part";
import type { ResultsPage } from "#model/results-question";

/** @param page - From 0. */
export async function pageOf(answer: unknown, page: number): Promise<ResultsPage> {
  const packed = await promisify(gzip)(JSON.stringify(answer));
  return {
    data: packed.subarray(page * PAYLOAD_PART_BYTES, (page + 1) * PAYLOAD_PART_BYTES).toString("base64"),
    pages: Math.ceil(packed.length / PAYLOAD_PART_BYTES),
    digest: createHash("sha256").update(packed).digest("hex"),
  };
}
