/** A short name for what an environment turned out to be: equal facts, equal fingerprint. */

import { createHash } from "node:crypto";
import type { NodeResult } from "#model/node-protocol";
import type { RunSpec } from "#model/run";

const HEX_DIGITS = 12;

/**
 * Hashes the environment's facts and those that the nodes found: kernel, CPU, image, database version and variables,
 * limits, resolver. Free of order; a fact in which the nodes differ counts with each of its values.
 */
export function fingerprintOf({ environment, point, sizing }: RunSpec, results: readonly NodeResult[]): string {
  const { imageDigest, isolation, provider, facts } = environment;
  const limits = { cpus: point.cpus, memoryMib: point.memoryMib, resolve: point.resolve, ...sizing };
  const lines = [
    { imageDigest, isolation, provider, dns: environment.dns?.join(" ") ?? "" },
    limits,
    facts,
    ...results.map((result) => result.facts),
  ].flatMap((part) => Object.entries(part).map(([name, value]) => `${name}=${value}`));
  const text = [...new Set(lines)].sort().join("\n");
  return createHash("sha256").update(text).digest("hex").slice(0, HEX_DIGITS);
}
