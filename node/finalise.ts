/** The end all nodes wait for together, so that none tears its database down under another's inserts. */

import { setTimeout as delay } from "node:timers/promises";
import type { Coordination } from "#node/coordination";

/** Nodes that are done wait for those that still measure, and should not be felt by them. */
const pollMs = (nodeCount: number): number => Math.max(100, 5 * nodeCount);

export async function finalise(coordination: Coordination, nodeCount: number): Promise<void> {
  await coordination.leave();
  while ((await coordination.look()).present > 0) await delay(pollMs(nodeCount));
}
