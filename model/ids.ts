/** Names that more than one process has to agree on: ids, workflow ids, task queues, labels. */

/** Hosts, environments and sweeps are named like this; no glob, path or option character can appear. */
export const NAME_PATTERN = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])$/;

/** Where all workflows are polled. */
export const WORKFLOW_QUEUE = "meshbench";
/** Where the results store's activities are polled. */
export const STORE_QUEUE = "store";
/** Where what is done at GitHub is polled. */
export const GITHUB_QUEUE = "github";

export const hostQueueName = (host: string) => `host-${host}`;
export const hostWorkflowId = (host: string) => `host-${host}`;
/** The inverse of `hostWorkflowId`. */
export const hostOfWorkflow = (workflowId: string): string => workflowId.slice("host-".length);
export const sweepWorkflowId = (sweepId: string) => `sweep-${sweepId}`;
export const runWorkflowId = (runId: string) => `run-${runId}`;

/** `point`, `repetition` and `attempt` count from 1. */
export function runIdOf(part: { sweepId: string; point: number; repetition: number; attempt: number }): string {
  return `${part.sweepId}-p${part.point}-r${part.repetition}-a${part.attempt}`;
}

/** Letters, digits and hyphens: no separator, dot or option can get into a path or a query made of it. */
const SWEEP_ID = "[a-z0-9][a-z0-9-]{0,80}";
const SWEEP_ID_PATTERN = new RegExp(`^${SWEEP_ID}$`);
const SWEEP_SIDE_PATTERN = new RegExp(`^${SWEEP_ID}(?::[a-z0-9-]{2,32})?$`);
const RUN_ID_PATTERN = new RegExp(String.raw`^(${SWEEP_ID})-p\d{1,6}-r\d{1,6}-a\d{1,6}$`);

export const isSweepId = (text: string): boolean => SWEEP_ID_PATTERN.test(text);

/** Whether it could be a side of a comparison: a sweep, or one environment of it. */
export const isSweepSide = (text: string): boolean => SWEEP_SIDE_PATTERN.test(text);

export const isRunId = (text: string): boolean => RUN_ID_PATTERN.test(text);

/**
 * @returns The sweep that a run belongs to.
 * @throws {RangeError} If the text is no run id; so a checked one can be part of a path.
 */
export function sweepIdOf(runId: string): string {
  const sweepId = RUN_ID_PATTERN.exec(runId)?.[1];
  if (sweepId === undefined) throw new RangeError(`not a run id: ${JSON.stringify(runId)}`);
  return sweepId;
}

/**
 * The inverse of `runIdOf`.
 * @throws {RangeError} If the text is no run id.
 */
export function partsOfRunId(runId: string): { sweepId: string; point: number; repetition: number; attempt: number } {
  const sweepId = sweepIdOf(runId);
  const [point = 0, repetition = 0, attempt = 0] = (runId.slice(sweepId.length).match(/\d+/g) ?? []).map(Number);
  return { sweepId, point, repetition, attempt };
}

/** The inverse of `runWorkflowId`. */
export const runIdOfWorkflow = (workflowId: string): string => workflowId.slice("run-".length);

/** @param suffix - Six characters of [a-z0-9], random: sweeps of one name started in one second differ by it. */
export function newSweepId(name: string, now: Date, suffix: string): string {
  const stamp = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
  return `${name.slice(0, 24)}-${stamp}-${suffix}`;
}

/** Labels on every resource a run creates. Removal goes by these and by nothing else. */
export const LABEL = {
  run: "meshbench.run",
  node: "meshbench.node",
  host: "meshbench.host",
  /** UTC, ISO 8601. */
  deadline: "meshbench.deadline",
  /** On what says who has an engine, and on nothing else; see `DockerLease`. */
  token: "meshbench.token",
} as const;

/** What a node calls itself, and what its peers look up with `resolve: names`. */
export const nodeHostname = (nodeIndex: number): string => `node-${nodeIndex}`;
