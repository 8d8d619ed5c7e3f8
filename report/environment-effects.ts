/** What the runs' own load did to the environment they were measured in: of each point, the largest of its runs. */

import type { GuardRecord, OwnEffects } from "#model/guards";
import type { RunEvidence } from "#model/run";
import { formatCount, formatFigure } from "#report/format";
import type { PointColumn } from "#report/point-columns";

export type SampledEvidence = Pick<RunEvidence, "run" | "guards" | "wallClocks">;

interface Sampled {
  readonly guards: GuardRecord;
  readonly wallClocks: NonNullable<RunEvidence["wallClocks"]>;
}

const own =
  (name: keyof OwnEffects) =>
  ({ guards }: Sampled) =>
    guards.own[name];

const EFFECTS: readonly { readonly title: string; readonly of: (sampled: Sampled) => number | null }[] = [
  { title: "CPU busy %", of: own("busyPct") },
  { title: "of it foreign %", of: ({ guards }) => guards.foreign.cpuPct },
  { title: "waiting for CPU %", of: own("cpuPressurePct") },
  { title: "steal %", of: own("stealPct") },
  { title: "throttled s", of: own("throttledSec") },
  { title: "softnet drops", of: own("softnetDropped") },
  { title: "neighbour overflows", of: own("neighbourOverflows") },
  { title: "conntrack drops", of: own("conntrackDropped") },
  { title: "listen overflows", of: own("listenOverflows") },
  { title: "TCP time-outs", of: own("tcpTimeouts") },
  {
    title: "wall clock off ms",
    of: ({ wallClocks }) => largest(wallClocks.map(({ offsetMs }) => Math.abs(offsetMs))),
  },
];

/** @returns None where no host was sampled. A run without samples leaves its point's figures to the others. */
export function effectColumns(evidence: readonly SampledEvidence[]): PointColumn[] {
  const sampled = new Map(
    evidence.flatMap(({ run, guards, wallClocks = [] }) =>
      guards === undefined || typeof guards === "string" ? [] : [[run.runId, { guards, wallClocks }] as const],
    ),
  );
  if (sampled.size === 0) return [];
  return EFFECTS.map(({ title, of }) => ({
    title,
    align: "right",
    text({ rows }) {
      const value = largest(rows.flatMap(({ run_id }) => sampled.get(run_id) ?? []).map(of));
      return value === null ? "–" : formatEffect(value);
    },
  }));
}

const formatEffect = (value: number): string => (Number.isInteger(value) ? formatCount(value) : formatFigure(value));

function largest(values: readonly (number | null)[]): number | null {
  const told = values.filter((value) => value !== null);
  return told.length === 0 ? null : Math.max(...told);
}
