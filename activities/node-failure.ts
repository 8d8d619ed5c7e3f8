/** Why a node cannot go on, read from what its provider and its program say. */

import type { NodeState } from "#activities/providers/provider";
import { BenchError, FAILURES } from "#model/errors";
import type { FailureKind } from "#model/errors";
import { NODE_EXIT } from "#model/node-protocol";
import type { NodeFailure } from "#model/node-protocol";

/** What a failure is told by, beside the state itself. */
export interface NodeCircumstances {
  /** From 1. */
  readonly node: number;
  readonly isMaster: boolean;
  /** The engine was away while the step followed this node. */
  readonly engineWasAway: boolean;
  /** The node's memory limit. */
  readonly memoryMib: number;
}

/** @returns `undefined` where the node is there, running or paused. */
export function failureOfState(state: NodeState, about: NodeCircumstances): BenchError | undefined {
  if (state.state === "running" || state.state === "paused") return undefined;
  if (state.state === "missing") return lost("it is gone", about);
  const { exitCode, outOfMemory } = state;
  const { node } = about;
  if (outOfMemory) {
    const code = exitCode === null ? "" : `, exit ${exitCode}`;
    return new BenchError("oom", `killed for memory, limit ${about.memoryMib} MiB${code}`, { node });
  }
  switch (exitCode) {
    case NODE_EXIT.databaseDied:
      return new BenchError("db crash", `the database died, exit ${exitCode}`, { node });
    case NODE_EXIT.programDied:
      return new BenchError("node failed", `the node program died, exit ${exitCode}`, { node });
    case NODE_EXIT.deadline:
      return new BenchError("deadline", `the run's deadline passed, exit ${exitCode}`, { node });
    case null:
    case 137:
    case NODE_EXIT.terminated:
      return lost(`it was ended from outside, exit ${exitCode ?? "unknown"}`, about);
    default:
      return new BenchError("node failed", `the node ended, exit ${exitCode}`, { node });
  }
}

function lost(what: string, { node, isMaster, engineWasAway }: NodeCircumstances): BenchError {
  if (engineWasAway) return new BenchError("engine restart", `the engine was away, then ${what}`, { node });
  return new BenchError(isMaster ? "master lost" : "node lost", what, { node });
}

/** A kind that the worker does not know, from a newer or a broken program, is `node failed`. */
export function failureOfProgram({ kind, message }: NodeFailure, node: number): BenchError {
  if (Object.hasOwn(FAILURES, kind)) return new BenchError(kind as FailureKind, message, { node });
  return new BenchError("node failed", `${kind}: ${message}`, { node });
}
