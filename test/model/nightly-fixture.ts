/** Nights that were never measured: a point, a value a night, and what a confirmation would find. */

import type { Nightly } from "#model/nightly";
import { measuredNight, type MeasuredNight, type Night } from "#model/nightly-history";
import { calmVerdict, doubtsOf, isInDoubt, settleDoubt, type Doubt, type NightVerdict } from "#model/nightly-verdict";
import { rowOfUnfinishedRun } from "#model/run-row";
import type { RunRow } from "#model/result-row";
import type { PreparedEnvironment } from "#model/run";
import { samplePlan } from "#test/support/sample-plan";
import { sampleRun } from "#test/support/sample-run";

const REPETITIONS = 6;

export const sampleNightly = (rest: Partial<Nightly> = {}): Nightly => ({
  name: "sample",
  specName: "quick",
  spec: samplePlan().spec,
  calendar: { cron: "17 3 * * *", timeZone: "UTC" },
  catchUpSec: 6 * 3600,
  baseline: { kind: "first-nights" },
  significance: 0.05,
  least: { deviation_pct: 0.1, lateness_remote_p99_ms: 1 },
  ...rest,
});

/** The n-th night, from 1. */
export const dateOf = (n: number): string => new Date(Date.UTC(2026, 10, n)).toISOString().slice(0, 10);
export const shaOf = (n: number): string => n.toString(16).padStart(40, "0");

export const imageOf = (sha: string): string => `sha256:${sha.padStart(64, "0")}`;

const environmentOf = (sha: string, facts: Record<string, string> = {}): PreparedEnvironment => ({
  ...sampleRun().environment,
  imageDigest: imageOf(sha),
  facts: { kernel: "6.1", image: sha, ...facts },
});

/** Repetitions around a deviation, as far apart as real ones: the same for the same arguments. */
function runsAround(deviationPct: number, sweepId: string): RunRow[] {
  return Array.from({ length: REPETITIONS }, (_, i) => {
    const run = sampleRun({ runId: `${sweepId}-p1-r${i + 1}-a1`, sweepId, repetition: i + 1 });
    const planned = rowOfUnfinishedRun({ run, startedAt: "", failure: { kind: "bug", message: "" } });
    const spread = 0.02 * Math.sin(i * 2.4 + deviationPct * 7);
    return Object.assign(planned, {
      status: "VALID" as const,
      reason: "",
      deviation_pct: deviationPct + spread,
      lateness_remote_p99_ms: 20 + 5 * spread,
    });
  });
}

/** What the machine and each commit would really cost, and so what a measurement shows. */
export interface World {
  /** Of a commit, in percent. */
  readonly code: (night: number) => number;
  /** Of the machine, on top. */
  readonly machine?: (night: number) => number;
  /** Facts of the machine. */
  readonly facts?: (night: number) => Record<string, string>;
  /** A single night's trouble. */
  readonly outlier?: (night: number) => number;
  /** Nights on which nothing was measured. */
  readonly missed?: readonly number[];
}

/** Lives through the nights of a world, with a confirmation wherever one is asked for. */
export function liveThrough(
  nightCount: number,
  { code, machine = () => 0, facts = () => ({}), outlier = () => 0, missed = [] }: World,
  nightly: Nightly = sampleNightly(),
): { nights: MeasuredNight[]; verdictOn: (n: number) => NightVerdict; confirmations: number[] } {
  const nights: MeasuredNight[] = [];
  const rowsOf = new Map<string, RunRow[]>();
  const confirmations: number[] = [];
  for (let n = 1; n <= nightCount; n++) {
    if (missed.includes(n)) continue;
    const wobble = 0.03 * Math.sin(n * 1.7) + 0.02 * Math.cos(n * 5.1);
    const sweepId = `nightly-sample-${dateOf(n)}`;
    const rows = runsAround(code(n) + machine(n) + outlier(n) + wobble, sweepId);
    rowsOf.set(dateOf(n), rows);
    const night: Night = { nightly: "sample", date: dateOf(n), sweepId, sourceSha: shaOf(n), status: "DONE" };
    const environments = [environmentOf(shaOf(n), facts(n))];
    nights.push(measuredNight(night, { spec: nightly.spec, environments, rows }));
    const doubt = doubtsOf(nightly, nights);
    const verdict = isInDoubt(doubt) ? confirm(doubt, n) : calmVerdict(nights);
    nights.push({ ...(nights.pop() as MeasuredNight), verdict });
  }

  function confirm(doubt: Doubt, n: number): NightVerdict {
    confirmations.push(n);
    const baseNight = Number.parseInt(doubt.baseline?.sourceSha ?? "0", 16);
    const now = machine(n);
    const past = nights
      .filter(({ sourceSha }) => sourceSha === doubt.baseline?.sourceSha)
      .map(({ date }) => ({ date, rows: rowsOf.get(date) ?? [] }));
    return settleDoubt(nightly, nights, doubt, {
      sweepId: `nightly-sample-${dateOf(n)}-again`,
      base: runsAround(code(baseNight) + now, "base"),
      head: runsAround(code(n) + now + 0.01, "head"),
      past,
    });
  }

  const verdictOn = (n: number): NightVerdict => {
    const verdict = nights.find(({ date }) => date === dateOf(n))?.verdict;
    if (verdict === undefined) throw new Error(`night ${n} has no verdict`);
    return verdict;
  };
  return { nights, verdictOn, confirmations };
}
