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
  /** The step has seen it before, and at that time it had not ended. */
  readonly wasThere: boolean;
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
      return pastDeadline(about);
    case null:
    case 137:
    case NODE_EXIT.terminated:
      return lost(`it was ended from outside, exit ${exitCode ?? "unknown"}`, about);
    default:
      return new BenchError("node failed", `the node ended, exit ${exitCode}`, { node });
  }
}

/** Of what a node had done by its deadline only those know who followed it until then. */
function pastDeadline({ node, wasThere }: NodeCircumstances): BenchError {
  const exit = `exit ${NODE_EXIT.deadline}`;
  if (wasThere) return new BenchError("deadline", `the run's deadline passed, ${exit}`, { node });
  return new BenchError("no worker", `the run's deadline passed while nobody looked, ${exit}`, { node });
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
