/** The work, as the worker writes it into the node's own database. */

import { setTimeout as delay } from "node:timers/promises";
import { BenchError } from "#model/errors";
import { PROTOCOL_VERSION } from "#model/node-protocol";
import type { Assignment } from "#model/node-protocol";
import type { NodeEnvironment } from "#node/environment";
import type { Link } from "#node/link";

const POLL_MS = 50;

/**
 * Waits for the one row of `run`.
 * @throws {BenchError} `protocol` when the worker speaks another version.
 */
export async function waitForAssignment(own: Link, environment: NodeEnvironment): Promise<Assignment> {
  for (;;) {
    const [row] = await own.query<{ assignment: string }>("SELECT assignment FROM run LIMIT 1");
    if (row) return checkAssignment(parse(row.assignment), environment);
    await delay(POLL_MS);
  }
}

function parse(text: string): Assignment {
  try {
    return JSON.parse(text) as Assignment;
  } catch {
    // The parser's own message would quote the text, and the peers' password is in it.
    throw new BenchError("protocol", "the assignment is not JSON");
  }
}

function checkAssignment(assignment: Assignment, { runId, nodeIndex }: NodeEnvironment): Assignment {
  const { protocol } = assignment;
  if (protocol !== PROTOCOL_VERSION) {
    throw new BenchError("protocol", `this node speaks version ${PROTOCOL_VERSION}, the worker ${protocol}`);
  }
  if (assignment.runId !== runId || assignment.nodeIndex !== nodeIndex) {
    throw new BenchError(
      "bug",
      `node ${nodeIndex} of ${runId} was given the work of node ${assignment.nodeIndex} of ${assignment.runId}`,
    );
  }
  return assignment;
}
