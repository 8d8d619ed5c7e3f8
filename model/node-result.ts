/** A node's result as the worker takes it: what is no finite number, or not there, must not pass for a measurement. */

import { z } from "zod";
import { BenchError } from "#model/errors";
import { jsonOrUndefined } from "#model/json";
import { PROTOCOL_VERSION } from "#model/node-protocol";
import type { ClockSample, LatenessSummary, NodeResult } from "#model/node-protocol";

// JSON has no NaN and no Infinity: it writes null for them, which is none of these.
const count = z.int().nonnegative();
const figure = z.number();

const lateness: z.ZodType<LatenessSummary> = z.object({
  count,
  p50Ms: figure,
  p90Ms: figure,
  p99Ms: figure,
  maxMs: figure,
  histogram: z.string(),
});

const clockSample: z.ZodType<ClockSample> = z.object({
  peer: count,
  monotonicUs: figure,
  databaseUs: figure,
  roundTripUs: figure,
});

const nodeResult: z.ZodType<NodeResult> = z.object({
  protocol: z.literal(PROTOCOL_VERSION),
  runId: z.string(),
  nodeIndex: count,
  tupleCount: count,
  expectedSec: figure,
  elapsedSec: figure.positive(),
  mainSec: figure.positive().exactOptional(),
  connectSec: figure,
  warmupSec: figure,
  barrierSec: figure,
  syncSec: figure,
  finaliseSec: figure,
  releasedAtMasterUs: figure,
  releaseClockErrorUs: figure,
  barrierPolls: count,
  latenessLocal: lateness,
  latenessRemote: lateness,
  latenessPacing: lateness,
  saturatedBatches: count,
  saturatedSec: figure,
  longestGapMs: figure,
  reconnects: count,
  clocksAtRelease: z.array(clockSample),
  clocksAtEnd: z.array(clockSample),
  cpuUserSec: figure,
  cpuSystemSec: figure,
  nodeCpuSec: figure.nullable(),
  programRssMib: figure,
  facts: z.record(z.string(), z.string()),
});

/**
 * @param text - As it lies in the node's database.
 * @throws {BenchError} `protocol`, naming the first field that is not what it should be.
 */
export function parseNodeResult(text: string, node: number): NodeResult {
  const parsed = nodeResult.safeParse(jsonOrUndefined(text));
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  const where = first === undefined || first.path.length === 0 ? "its result" : first.path.join(".");
  throw new BenchError("protocol", `${where} is not what a node of this version tells: ${first?.message}`, { node });
}
