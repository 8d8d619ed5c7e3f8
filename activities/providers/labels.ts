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

/** A run as one host has it: what another host's label is on is that one's, whatever else it says. */
export interface HostedRun {
  readonly runId: string;
  readonly host: string;
}

export const belongsToRun = (labels: Labels | undefined, { runId, host }: HostedRun): boolean =>
  labels?.[LABEL.run] === runId && labels[LABEL.host] === host;

export const isNodeOfRun = (labels: Labels | undefined, run: HostedRun, nodeIndex: number): boolean =>
  belongsToRun(labels, run) && labels?.[LABEL.node] === String(nodeIndex);
