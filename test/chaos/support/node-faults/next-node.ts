/** Nodes at the moment they start, for faults that have to be there before the database answers. */

import Docker from "dockerode";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import { LABEL } from "#model/ids";
import type { ChaosHarness, ChaosSweep } from "#test/chaos/support/chaos-harness";
import type { EngineEvent } from "#test/chaos/support/engine-events";
import { EmulatedNode } from "#test/chaos/support/node-faults/emulated-node";

const LIMIT_SEC = 120;

/** The node of this index that starts next. Asked for before its sweep is started. */
export function nextNode(chaos: ChaosHarness, index: number): Promise<EmulatedNode> {
  const fromMs = Date.now();
  return nodeThatStarted(chaos, index, ({ timeMs }) => timeMs >= fromMs);
}

/** A node of the sweep's first run. */
export function nodeOf(
  chaos: ChaosHarness,
  { runId }: Pick<ChaosSweep, "runId">,
  index: number,
): Promise<EmulatedNode> {
  return nodeThatStarted(chaos, index, ({ attributes }) => attributes[LABEL.run] === runId);
}

async function nodeThatStarted(
  { events, installation: { hostId } }: ChaosHarness,
  index: number,
  isIt: (event: EngineEvent) => boolean,
): Promise<EmulatedNode> {
  const started = await events.until(`node ${index} starts`, LIMIT_SEC, (event) => {
    const { type, action, attributes } = event;
    const isOurs = attributes[LABEL.host] === hostId && attributes[LABEL.node] === String(index);
    return type === "container" && action === "start" && isOurs && isIt(event);
  });
  return EmulatedNode.open(new Docker(resolveDockerEndpoint().options).getContainer(started.id));
}
