/** What sweeps and runs are found by in Temporal, and the lines that name them there. */

import { defineSearchAttributeKey } from "@temporalio/common";
import type { SearchAttributePair } from "@temporalio/common";
import type { RunStatus } from "#model/errors";
import type { RunSpec } from "#model/run";
import type { SEARCH_ATTRIBUTES } from "#model/search-attributes";

type AttributeName<Type> = {
  [Name in keyof typeof SEARCH_ATTRIBUTES]: (typeof SEARCH_ATTRIBUTES)[Name] extends Type ? Name : never;
}[keyof typeof SEARCH_ATTRIBUTES];

const keyword = (name: AttributeName<"Keyword">, value: string): SearchAttributePair => ({
  key: defineSearchAttributeKey(name, "KEYWORD"),
  value,
});

const int = (name: AttributeName<"Int">, value: number): SearchAttributePair => ({
  key: defineSearchAttributeKey(name, "INT"),
  value,
});

export const statusAttribute = (status: "OPEN" | "PAUSED" | "DONE" | "QUEUED" | "RUNNING" | RunStatus) =>
  keyword("MeshbenchStatus", status);

export const runAttributes = ({ sweepId, point, environment }: RunSpec): SearchAttributePair[] => [
  keyword("MeshbenchSweep", sweepId),
  keyword("MeshbenchEnvironment", environment.name),
  keyword("MeshbenchHost", environment.host),
  int("MeshbenchNodes", point.nodes),
  int("MeshbenchRate", point.ratePerMin),
];

export const sweepAttributes = (sweepId: string): SearchAttributePair[] => [keyword("MeshbenchSweep", sweepId)];

/** One line in Temporal's lists. */
export const describeRun = ({ point, environment, repetition, attempt }: RunSpec): string =>
  `${environment.name} ${point.mode} N=${point.nodes} D=${point.ratePerMin}/min, ` +
  `repetition ${repetition}, attempt ${attempt}`;

/** Markdown, for the head of the run's page. */
export const describeRunFully = (run: RunSpec): string =>
  [
    `**${describeRun(run)}**`,
    `aggregation ${run.point.aggregation}, ${run.point.durationSec} s, ${run.point.engine}, ${run.point.client}`,
    `host ${run.environment.host} (${run.environment.provider}), ${run.point.cpus} CPUs, ${run.point.memoryMib} MiB`,
  ].join("\n\n");
