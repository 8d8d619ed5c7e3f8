/** How far a sweep is and how a run ended, in a line each. */

import type { RunRow } from "#model/result-row";
import type { StepProgress } from "#model/run";
import { formatDuration } from "#model/units";
import type { HostQueue } from "#model/host-queue";
import type { RunView } from "#cli/sweep-client";
import type { SweepProgress } from "#workflows/messages";

/** `run 3/8` */
export const describePlace = ({ runsDone, runsPlanned }: SweepProgress): string =>
  `run ${Math.min(runsDone + 1, runsPlanned)}/${runsPlanned}`;

/** `main 45 % (27s)`, `provision 12/64 nodes (2s)`, `collect (1s)`, `waits for host local, which still has … (5s)` */
export function describeStep({ run, progress, queue }: RunView, nowMs: number): string {
  if (run.step === "recorded") return "recorded";
  const since = formatDuration(Math.round(secSince(run.stepStartedAt, nowMs)));
  const step = run.step === "queued" ? describeWaiting(queue) : run.step;
  const done = progress?.step === run.step ? describeDone(progress) : "";
  return [step, done, `(${since})`].filter(Boolean).join(" ");
}

function describeWaiting(queue: HostQueue | undefined): string {
  if (queue === undefined) return "waits for its host";
  const { host, now } = queue;
  if (now.state === "leased") return `waits for host ${host}, where ${now.holder} measures`;
  if (now.state === "free" || now.left.length === 0) return `waits for host ${host} to be proven clean`;
  const more = now.left.length > 1 ? ` and ${now.left.length - 1} more` : "";
  return `waits for host ${host} to be clean of ${now.left[0]}${more}`;
}

/** Nothing where a step has only begun: `0/4 nodes` is no news. */
function describeDone({ waitingFor, nodesDone, nodes, tuples, tuplesExpected }: StepProgress): string {
  if (waitingFor !== undefined) return `waits for ${waitingFor}`;
  if (tuples !== undefined && tuplesExpected) return `${Math.floor((100 * tuples) / tuplesExpected)} %`;
  return nodesDone > 0 ? `${nodesDone}/${nodes} nodes` : "";
}

/** `about 3m 20s left`; "" where that is over, or unknown. */
export function describeTimeLeft({ secLeft }: SweepProgress, view: RunView | undefined, nowMs: number): string {
  // Short steps vary more than they take; of the main loop it is known how long it lasts.
  const spentSec = view?.run.step === "main" ? secSince(view.run.stepStartedAt, nowMs) : 0;
  const leftSec = Math.round(secLeft - spentSec);
  return leftSec >= 1 ? `about ${formatDuration(leftSec)} left` : "";
}

/** Of another machine's clock, so it may lie ahead of ours. */
const secSince = (time: string, nowMs: number): number => Math.max(0, (nowMs - Date.parse(time)) / 1000);

/** `VALID     quick-…-p3-r1-a1  containers replicated N=4 D=6000  deviation +0.479 %, remote p99 12.3 ms` */
export function describeRow(row: RunRow): string {
  const point = `${row.environment} ${row.mode} N=${row.nodes} D=${row.rate_per_min}`;
  return [row.status.padEnd(9), row.run_id, point, describeFigures(row), row.reason]
    .filter(Boolean)
    .join("  ")
    .trimEnd();
}

function describeFigures({ deviation_pct: deviation, lateness_remote_p99_ms: latenessMs }: RunRow): string {
  if (deviation === null) return "";
  const sign = deviation < 0 ? "" : "+";
  const lateness = latenessMs === null ? "" : `, remote p99 ${latenessMs.toFixed(1)} ms`;
  return `deviation ${sign}${deviation.toFixed(3)} %${lateness}`;
}
