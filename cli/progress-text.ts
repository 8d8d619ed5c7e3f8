/** How far a sweep is and how a run ended, in a line each. */

import type { RunRow } from "#model/result-row";
import type { StepProgress } from "#model/run";
import { formatDuration } from "#model/units";
import { runWorkflowId } from "#model/ids";
import { prospectsOf } from "#model/host-outlook";
import type { HostQueueView, Prospect } from "#model/host-outlook";
import type { RunView } from "#cli/sweep-client";
import type { SweepProgress } from "#model/sweep-progress";

/** `run 3/8` */
export const describePlace = ({ runsDone, runsPlanned }: SweepProgress): string =>
  `run ${Math.min(runsDone + 1, runsPlanned)}/${runsPlanned}`;

/** `PAUSED, goes on with: meshbench resume …`; "" where it is not. */
export const describePause = ({ isPaused, sweepId, currentRunId }: SweepProgress): string =>
  isPaused ? `PAUSED${currentRunId ? " after this run" : ""}, goes on with: meshbench resume ${sweepId}` : "";

/** `main 45 % (27s)`, `provision 12/64 nodes (2s)`, `collect (1s)`, `waits for host local, which still has … (5s)` */
export function describeStep({ run, progress, queue }: RunView, nowMs: number): string {
  if (run.step === "recorded") return "recorded";
  const since = formatDuration(Math.round(secSince(run.stepStartedAt, nowMs)));
  const step = run.step === "queued" ? describeWaiting(run.runId, queue, nowMs) : run.step;
  const done = progress?.step === run.step ? describeDone(progress) : "";
  return [step, done, `(${since})`].filter(Boolean).join(" ");
}

function describeWaiting(runId: string, queue: HostQueueView | undefined, nowMs: number): string {
  if (queue === undefined) return "waits for its host";
  const prospect = prospectsOf(queue, new Date(nowMs).toISOString()).find(
    ({ holder }) => holder === runWorkflowId(runId),
  );
  return [`waits for host ${queue.host}${describeHostNow(queue)}`, ...describeProspect(prospect, nowMs)].join(", ");
}

function describeHostNow({ now }: HostQueueView): string {
  if (now.state === "leased") return `, where ${now.holder} measures`;
  if (now.state === "free" || now.left.length === 0) return " to be proven clean";
  const more = now.left.length > 1 ? ` and ${now.left.length - 1} more` : "";
  return ` to be clean of ${now.left[0]}${more}`;
}

/** Of the first in line there is nothing to say but what it waits for. */
function describeProspect(prospect: Prospect | undefined, nowMs: number): string[] {
  if (prospect?.position === undefined || prospect.estimatedStartAt === undefined) return [];
  const inSec = (Date.parse(prospect.estimatedStartAt) - nowMs) / 1000;
  const place = prospect.position > 1 ? [`place ${prospect.position}`] : [];
  return inSec < 1 ? place : [...place, `starts in about ${formatDuration(inSec)}`];
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
