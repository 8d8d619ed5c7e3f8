/** What a sweep shows, and what a reader has to know before believing it. */

import {
  countedRuns,
  countStatuses,
  hitDeadline,
  replacedAttempts,
  type FactorColumn,
  type PointSummary,
} from "#model/point-summary";
import type { RunRow } from "#model/result-row";
import type { PreparedEnvironment } from "#model/run";
import { formatThreshold, type ThresholdMiss } from "#model/thresholds";
import { describeFactors, varyingFactors } from "#report/factors";
import { formatFigure } from "#report/format";
import { armsWithoutVms } from "#report/isolation";
import { medianOf, medianText } from "#report/point-columns";
import type { ReportData } from "#report/report-data";

export interface Verdict {
  readonly tone: "good" | "warning" | "bad";
  readonly text: string;
}

/** One line: is the sweep complete, is it proven, are its thresholds kept. */
export function verdictOf({ sweep, spec, rows, points, misses }: ReportData): Verdict {
  const valid = countedRuns(rows).length;
  const proven = `${valid} of ${sweep.runsPlanned} planned runs VALID`;
  const bounds = spec.thresholds.length;
  if (valid === 0) return { tone: "bad", text: `No VALID run of ${sweep.runsPlanned} planned: nothing is shown` };
  if (misses.length > 0) {
    const where = new Set(misses.map(({ point }) => point)).size;
    return { tone: "bad", text: `Threshold missed at ${where} of ${points.length} points; ${proven}` };
  }
  const kept = bounds > 0 ? "; all thresholds kept" : "";
  if (sweep.status === "OPEN") return { tone: "warning", text: `Still being measured: ${proven} so far${kept}` };
  if (sweep.status === "PAUSED") return { tone: "warning", text: `Paused: ${proven} so far${kept}` };
  if (sweep.status === "FAILED") return { tone: "bad", text: `Broken off: ${proven}${kept}` };
  if (sweep.status === "CANCELLED") return { tone: "warning", text: `Cancelled: ${proven}${kept}` };
  return { tone: valid < sweep.runsPlanned ? "warning" : "good", text: `${proven}${kept}` };
}

/** For each arm and mode, between which medians its points lie, and where it deviates most. */
export function findings({ points, rows }: ReportData): string[] {
  const measured = points.filter((point) => medianOf(point, "deviation_pct") !== undefined);
  return [...Map.groupBy(measured, armOf)].map(([arm, its]) => {
    const ascending = its.toSorted((a, b) => deviationOf(a) - deviationOf(b));
    const [least, most] = [ascending[0], ascending.at(-1)];
    const where = most && describeLoad(most, rows);
    const texts = [least, most].map((point) => point && `${medianText(point, "deviation_pct")} %`);
    return its.length === 1
      ? `${arm}: median deviation ${texts[0]} at ${where}`
      : `${arm}: median deviation ${texts[0]} to ${texts[1]}, most at ${where}`;
  });
}

const armOf = ({ factors }: PointSummary): string => `${factors.environment}, ${factors.mode}`;

/** What tells a point from the others of its arm and mode. */
function describeLoad({ factors }: PointSummary, rows: readonly RunRow[]): string {
  const said = new Set<FactorColumn>(["environment", "mode", "nodes", "rate_per_min"]);
  const others = varyingFactors(rows).filter((column) => !said.has(column));
  return describeFactors(factors, ["nodes", "rate_per_min", ...others]);
}

const deviationOf = (point: PointSummary): number => medianOf(point, "deviation_pct")?.median ?? Number.NaN;

/** What limits the conclusions, the gravest first. */
export function warnings(data: ReportData): string[] {
  const runNotes = data.notes.map(({ runId, text }) => `Run ${runId}: ${text}.`);
  return [
    ...thresholdWarnings(data),
    ...quotableWarnings(data),
    ...runWarnings(data),
    ...runNotes,
    ...environmentWarnings(data),
  ];
}

/** What stands before all figures: arms that are no virtual machines in the sense of the question. */
export function isolationWarnings({ points }: ReportData): string[] {
  const rows = points.flatMap((point) => point.rows);
  return [...armsWithoutVms(rows)].map(
    ([environment, isolation]) =>
      `Isolation of ${environment} is ${isolation}: no conclusion about VMs follows from its figures.`,
  );
}

/** One line a threshold, with the point furthest from it; the table marks the others. */
function thresholdWarnings({ misses, rows }: ReportData): string[] {
  return [...Map.groupBy(misses, ({ threshold }) => threshold)].map(([threshold, its]) => {
    const sign = threshold.comparison.startsWith("<") ? 1 : -1;
    const severity = ({ observed, isLowerBound }: ThresholdMiss) =>
      observed === null || isLowerBound ? Infinity : observed * sign;
    const worst = its.reduce((a, b) => (severity(b) > severity(a) ? b : a));
    const where = `${armOf(worst.point)}, ${describeLoad(worst.point, rows)}`;
    return `Threshold ${formatThreshold(threshold)} missed at ${amount(its.length, "point")}, furthest at ${where}: ${describeObserved(worst)}.`;
  });
}

/** `found 5.12`, `found ≥ 5.12` */
export function describeObserved({ observed, isLowerBound }: ThresholdMiss): string {
  if (observed === null) return "no VALID run has the figure";
  return `found ${isLowerBound ? "≥ " : ""}${formatFigure(observed)}`;
}

function quotableWarnings({ rows, points }: ReportData): string[] {
  const short = rows.filter(({ quotable }) => !quotable).length;
  const few = points.filter(({ valid }) => valid.length < 6).length;
  return [
    short > 0 && `Not quotable: ${amount(short, "run")} under 30 s, where fixed costs weigh too much.`,
    few > 0 && `No 95 % interval at ${amount(few, "point")} with fewer than 6 VALID runs.`,
  ].filter((warning) => warning !== false);
}

function runWarnings({ rows }: ReportData): string[] {
  const late = rows.filter(hitDeadline).length;
  const replaced = replacedAttempts(rows).size;
  const { SUSPECT } = countStatuses(rows);
  return [
    late > 0 &&
      `Deadline hit by ${amount(late, "run")}: drawn as "≥", outside medians, which are lower bounds there; thresholds count them as infinite.`,
    SUSPECT > 0 && `SUSPECT: ${amount(SUSPECT, "run")} with proven data but a foreign disturbance, outside medians.`,
    replaced > 0 && `Replaced by a fresh run: ${amount(replaced, "attempt")}, kept and counted.`,
  ].filter((warning) => warning !== false);
}

const amount = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Where the isolation's own name does not say it. */
const isOnVirtualMachine = ({ isolation, facts }: PreparedEnvironment): boolean =>
  (isolation === "native" || isolation === "kvm") && facts["virtualisation"] === "hypervisor";

const virtualMachineWarning = ({ name, isolation }: PreparedEnvironment): string =>
  `The machine of ${name} is itself a virtual one: what ${isolation} means here comes on top of its hypervisor.`;

function environmentWarnings({ points, facts, environments }: ReportData): string[] {
  // Within a point: the databases' sizes are among the facts, and follow from the load.
  const changed = points.filter(
    (point) => new Set(point.rows.flatMap(({ fingerprint }) => fingerprint ?? [])).size > 1,
  );
  const changedNames = new Set(changed.map(({ factors }) => factors.environment));
  const differing = facts.filter(({ differs }) => differs).map(({ fact }) => fact);
  return [
    ...[...changedNames].map(
      (environment) => `The facts of ${environment} changed during the sweep: see its fingerprints.`,
    ),
    ...environments.filter(isOnVirtualMachine).map(virtualMachineWarning),
    ...(environments.length > 1 && differing.length > 0 ? [`The environments differ in ${differing.join(", ")}.`] : []),
  ];
}
