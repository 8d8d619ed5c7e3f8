/** Labels on what a run creates: the only thing that says whose it is. */

import { LABEL } from "#model/ids";

export type Labels = Readonly<Record<string, string>>;

/** `nodeIndex` is absent on what the nodes of a run share. */
export function labelsOf(owner: { runId: string; host: string; deadlineAt: string; nodeIndex?: number }): Labels {
  const { runId, host, deadlineAt, nodeIndex } = owner;
  return {
    [LABEL.run]: runId,
    [LABEL.host]: host,
    [LABEL.deadline]: deadlineAt,
    ...(nodeIndex !== undefined && { [LABEL.node]: String(nodeIndex) }),
  };
}

export const belongsToRun = (labels: Labels | undefined, runId: string): boolean => labels?.[LABEL.run] === runId;

export const isNodeOfRun = (labels: Labels | undefined, runId: string, nodeIndex: number): boolean =>
  belongsToRun(labels, runId) && labels?.[LABEL.node] === String(nodeIndex);
