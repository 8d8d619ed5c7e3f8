/** What a node is told before its database answers: `NODE_ENV`. None of it is secret. */

import type { NodeSpec } from "#activities/providers/provider";
import { NODE_ENV } from "#model/node-protocol";
import type { RunSpec } from "#model/run";

export type NodeVariables = Readonly<Record<string, string>>;

/** All but the deadline, which is told as what is left of it. */
export function stableVariables({ runId, point }: RunSpec, { index, workerVerifier, sizing }: NodeSpec): NodeVariables {
  return {
    [NODE_ENV.runId]: runId,
    [NODE_ENV.nodeIndex]: String(index),
    [NODE_ENV.workerVerifier]: workerVerifier,
    [NODE_ENV.bufferPoolMib]: String(sizing.bufferPoolMib),
    [NODE_ENV.redoLogMib]: String(sizing.redoLogMib),
    [NODE_ENV.heapTableMib]: String(sizing.heapTableMib),
    ...(point.resolve === "reverse" && { [NODE_ENV.reverseLookups]: "1" }),
  };
}

export function deadlineVariable({ deadlineAt }: NodeSpec, now: Date): NodeVariables {
  const left = (Date.parse(deadlineAt) - now.getTime()) / 1000;
  return { [NODE_ENV.deadlineSec]: String(Math.max(1, Math.ceil(left))) };
}
