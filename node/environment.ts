/** What a node is told at its creation, and by tests. */

import { DATABASE_NAME, DATABASE_SOCKET, LOCAL_ACCOUNT, NODE_ENV } from "#model/node-protocol";
import type { LinkTarget } from "#node/link";

export interface NodeEnvironment {
  readonly runId: string;
  /** From 1. */
  readonly nodeIndex: number;
  /** The own database, by unix socket. */
  readonly own: LinkTarget;
  /** 1, except in a test of the measurement itself: 1.05 makes the schedule 5 % slower than it claims. */
  readonly stretch: number;
}

/**
 * Besides `NODE_ENV`: `MESHBENCH_SOCKET` and `MESHBENCH_LOCAL_USER` where the database is not the image's, and
 * `MESHBENCH_STRETCH`, honoured with `MESHBENCH_TEST=1` only.
 */
export function readEnvironment(env: NodeJS.ProcessEnv): NodeEnvironment {
  const runId = env[NODE_ENV.runId];
  const nodeIndex = Number(env[NODE_ENV.nodeIndex]);
  if (!runId) throw new Error(`${NODE_ENV.runId} is not set`);
  if (!Number.isInteger(nodeIndex) || nodeIndex < 1) throw new Error(`${NODE_ENV.nodeIndex} is no node index`);
  return {
    runId,
    nodeIndex,
    own: {
      label: "own database",
      socketPath: env["MESHBENCH_SOCKET"] || DATABASE_SOCKET,
      user: env["MESHBENCH_LOCAL_USER"] || LOCAL_ACCOUNT,
      database: DATABASE_NAME,
      lostKind: "db crash",
      copy: 0,
    },
    stretch: env["MESHBENCH_TEST"] === "1" ? Number(env["MESHBENCH_STRETCH"] || 1) : 1,
  };
}
