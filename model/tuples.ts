/**
 * The tuples of a run, recomputable by anyone from the seed: a node's tuples are its AES-128-CTR key stream (NIST SP
 * 800-38A), 20 bytes each: 16 of key, 4 (big-endian, mod 101) of value. So a database can be proven without keeping a
 * copy of what was sent. Node built-ins only; workflows must not import this file.
 */

import { createCipheriv, createHash, hash } from "node:crypto";
import type { Cipheriv } from "node:crypto";
import type { Mode } from "#model/spec";

export const KEY_BYTES = 16;
const BYTES_PER_TUPLE = KEY_BYTES + 4;
const VALUE_LIMIT = 101;
const MASK_64 = (1n << 64n) - 1n;

/** What the tuples depend on. Not the environment, the attempt or the commit: arms that are compared share them. */
export interface TupleSeedParts {
  readonly sweepSeed: number;
  readonly mode: Mode;
  readonly nodes: number;
  readonly ratePerMin: number;
  readonly aggregation: number;
  readonly tupleCount: number;
  readonly repetition: number;
  readonly nodeIndex: number;
}

/** @returns 32 hex digits: the AES key of one node's tuple stream. */
export function tupleSeed(parts: TupleSeedParts): string {
  const { sweepSeed, mode, nodes, ratePerMin, aggregation, tupleCount, repetition, nodeIndex } = parts;
  const text = ["tuples-v1", sweepSeed, mode, nodes, ratePerMin, aggregation, tupleCount, repetition, nodeIndex].join(
    "/",
  );
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/** A batch of consecutive tuples. `keys` holds 16 bytes a tuple, `values` one integer 0..100 a tuple. */
export interface TupleBatch {
  readonly count: number;
  readonly keys: Buffer;
  readonly values: Uint8Array;
}

/** The endless tuple stream of one node, in order. */
export class TupleStream {
  readonly #cipher: Cipheriv;

  constructor(seed: string) {
    this.#cipher = createCipheriv("aes-128-ctr", Buffer.from(seed, "hex"), Buffer.alloc(16));
  }

  /** The next `count` tuples. */
  take(count: number): TupleBatch {
    const bytes = this.#cipher.update(Buffer.alloc(count * BYTES_PER_TUPLE));
    const keys = Buffer.alloc(count * KEY_BYTES);
    const values = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      const start = i * BYTES_PER_TUPLE;
      bytes.copy(keys, i * KEY_BYTES, start, start + KEY_BYTES);
      values[i] = bytes.readUInt32BE(start + KEY_BYTES) % VALUE_LIMIT;
    }
    return { count, keys, values };
  }
}

/**
 * Digest of one row: the first 64 bits of MD5(key ‖ value ‖ copy), value and copy one byte each. A database's digest is
 * the sum over its rows modulo 2⁶⁴, so that order does not matter. `DIGEST_SQL` is the same in SQL.
 */
export const DIGEST_SQL =
  "MOD(COALESCE(SUM(CAST(CONV(LEFT(MD5(CONCAT(tuple_key, CHAR(tuple_value), CHAR(tuple_copy))), 16), 16, 10) AS UNSIGNED)), 0), 18446744073709551616)";

/** A few milliseconds of work. */
const ROWS_PER_TURN = 2048;

/**
 * Adds up the row digests of one node's `tupleCount` tuples for the given copies. Yields to the event loop between
 * chunks, so that heartbeats go on.
 * @throws The signal's reason, once it aborts.
 */
export async function digestOfNode(
  seed: string,
  tupleCount: number,
  copies: readonly number[],
  signal?: AbortSignal,
): Promise<bigint> {
  const stream = new TupleStream(seed);
  const tuplesPerTurn = Math.max(1, Math.floor(ROWS_PER_TURN / copies.length));
  const row = Buffer.alloc(KEY_BYTES + 2);
  let sum = 0n;
  for (let done = 0; done < tupleCount;) {
    signal?.throwIfAborted();
    const batch = stream.take(Math.min(tuplesPerTurn, tupleCount - done));
    for (let i = 0; i < batch.count; i++) {
      batch.keys.copy(row, 0, i * KEY_BYTES, (i + 1) * KEY_BYTES);
      row[KEY_BYTES] = batch.values[i] ?? 0;
      for (const copy of copies) {
        row[KEY_BYTES + 1] = copy;
        sum += hash("md5", row, "buffer").readBigUInt64BE(0);
      }
    }
    done += batch.count;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return sum & MASK_64;
}

/** @returns 16 lower-case hex digits. */
export const formatDigest = (digest: bigint): string => (digest & MASK_64).toString(16).padStart(16, "0");

/**
 * What each of the N databases must hold. In `replicated` every database has every node's tuples once (copy 0); in
 * `baseline` each has its own node's tuples N times (copies 0..N−1).
 * @returns Digests by node index − 1.
 * @throws The signal's reason, once it aborts.
 */
export async function expectedDigests(
  parts: Omit<TupleSeedParts, "nodeIndex">,
  signal?: AbortSignal,
): Promise<string[]> {
  const indices = Array.from({ length: parts.nodes }, (_, i) => i + 1);
  const copies = parts.mode === "baseline" ? indices.map((index) => index - 1) : [0];
  const digests: bigint[] = [];
  for (const nodeIndex of indices) {
    digests.push(await digestOfNode(tupleSeed({ ...parts, nodeIndex }), parts.tupleCount, copies, signal));
  }
  if (parts.mode === "baseline") return digests.map(formatDigest);
  const all = digests.reduce((sum, digest) => sum + digest, 0n);
  return digests.map(() => formatDigest(all));
}

/**
 * A run's `digest`: SHA-256 over `count:digest` of its databases (rows in decimal, then 16 hex digits), a line each in node
 * order; its first 16 hex digits.
 */
export const runDigest = (databases: readonly { readonly rows: number; readonly digest: string }[]): string =>
  createHash("sha256")
    .update(databases.map(({ rows, digest }) => `${rows}:${digest}`).join("\n"))
    .digest("hex")
    .slice(0, 16);
