/** What people see under a pull request: one status comment that is edited, and one final comment, verdict first. */

import { isDecided } from "#model/comparison";
import { countStatuses } from "#model/point-summary";
import { fullNameOf, type Arm, type SpecChanges, type SweepEnd, type SweepOnPullRequest } from "#model/pull-request";
import type { RunRow } from "#model/result-row";
import type { StatusCounts } from "#model/sweep-progress";
import { formatDuration } from "#model/units";
import { comparisonDetails, signOf, verdictText, type ComparisonReport } from "#report/comparison";
import { comparisonChart } from "#report/mermaid";
import { printable } from "#report/format";
import { code, inline, list, table } from "#report/markdown-text";
import { statusText } from "#report/status-text";
import { cutLines, fitText, TEXT_LONGEST_BYTES } from "#report/text-limit";

const BAR_WIDTH = 20;
/** Of a check's title, which GitHub keeps in 255; a comment's heading is no longer either. */
const HEADLINE_LONGEST = 240;

export interface SweepState {
  readonly runsPlanned: number;
  readonly runsDone: number;
  readonly isPaused: boolean;
  /** By the plan's estimate. */
  readonly secLeft: number;
  readonly statusCounts: StatusCounts;
  /** In the line of each host it needs; none while it measures there. */
  readonly waiting: readonly { readonly host: string; readonly position: number; readonly inSec?: number }[];
}

/** The comment that is edited while the sweep goes on. */
export function statusComment(sweep: SweepOnPullRequest, state: SweepState): string {
  const { runsPlanned, runsDone, isPaused, secLeft, statusCounts, waiting } = state;
  const left = secLeft > 0 ? `, about ${roughly(secLeft)} left` : "";
  return [
    `${isPaused ? "⏸️ **Paused**" : waiting.length > 0 ? "⏳ **Queued**" : "🏃 **Measuring**"} ${code(sweep.spec)} for @${handle(sweep.request.author)}`,
    `${progressBar(runsDone, runsPlanned)} ${runsDone} of ${runsPlanned} runs${left}`,
    list([
      ...waiting.map(describeWaiting),
      ...describeArms(sweep.arms),
      ...describeCounts(statusCounts),
      `sweep ${code(sweep.sweepId)}: \`/bench status\`, \`/bench pause\`, \`/bench cancel\`${jobLink(sweep)}`,
    ]),
  ].join("\n\n");
}

const jobLink = ({ request: { jobUrl } }: SweepOnPullRequest): string =>
  jobUrl === undefined ? "" : `, queued by [this job](${jobUrl})`;

/** Steps that grow with the time: a text that is written anew wherever it changes must not count seconds. */
function roughly(sec: number): string {
  const minutes = sec / 60;
  const step = minutes < 10 ? 1 : minutes < 60 ? 5 : 15;
  return formatDuration(60 * Math.max(1, step * Math.round(minutes / step)));
}

/** A login is letters, digits and hyphens; whatever else came along mentions nobody. */
const handle = (login: string): string => login.replaceAll(/[^a-zA-Z0-9-]/g, "");

function progressBar(done: number, planned: number): string {
  const filled = planned === 0 ? 0 : Math.floor((BAR_WIDTH * done) / planned);
  return `\`${"█".repeat(filled)}${"░".repeat(BAR_WIDTH - filled)}\``;
}

function describeWaiting({ host, position, inSec }: SweepState["waiting"][number]): string {
  const start = inSec === undefined ? "" : `, starts in about ${roughly(inSec)}`;
  return `place ${position} in the line of host ${code(host)}${start}`;
}

const describeArms = (arms: readonly Arm[]): string[] => arms.map(({ name, sha }) => `${name}: ${sha}`);

function describeCounts(counts: StatusCounts): string[] {
  const texts = Object.entries(counts).flatMap(([status, count]) => (count > 0 ? [`${count} ${status}`] : []));
  return texts.length === 0 ? [] : [`so far: ${texts.join(", ")}`];
}

export interface FinishedSweep {
  readonly end: SweepEnd;
  /** Why it failed. */
  readonly failure?: string;
  readonly rows: readonly RunRow[];
  /** Of head against base, or against the nights before; absent where there is nothing to compare. */
  readonly comparison?: ComparisonReport;
  /** A table of a sweep that was compared with nothing. */
  readonly summary: string;
}

/** What stays: verdict first, then figures, then how to see the same oneself. */
export function finalComment(sweep: SweepOnPullRequest, finished: FinishedSweep): string {
  const { comparison, rows, summary } = finished;
  const { sign, text } = headlineOf(finished);
  const parts = [
    { name: "the heading", text: `## ${sign} ${inline(text)}` },
    {
      name: "the comparison",
      text: comparison === undefined ? summary : comparisonDetails(comparison),
    },
    { name: "the plot", text: comparison === undefined ? "" : comparisonChart(comparison).join("\n\n") },
    { name: "“Runs”", text: runsTable(rows), frame: folded("Runs") },
    { name: "“Reproduce”", text: reproduction(sweep), frame: folded("Reproduce") },
  ];
  return fitText(parts, `${code(`meshbench report ${sweep.sweepId}`)} on the bench's machine has them.`);
}

/**
 * The conclusion of a check run, and its title. `success` says that a loss would have been seen; where it could not have
 * been, or nothing was compared, the check is `neutral`.
 */
export function checkOutcome(finished: FinishedSweep): {
  readonly conclusion: "success" | "failure" | "neutral" | "cancelled";
  readonly title: string;
} {
  return { conclusion: conclusionOf(finished), title: headlineOf(finished).text };
}

function conclusionOf({ end, rows, comparison: report }: FinishedSweep) {
  if (end === "cancelled") return "cancelled";
  if (end === "failed" || countStatuses(rows).VALID === 0) return "failure";
  if (report?.comparison.verdict === "worse") return "failure";
  return report !== undefined && isDecided(report.comparison) ? "success" : "neutral";
}

interface Headline {
  readonly sign: string;
  /** Plain text on one line. */
  readonly text: string;
}

function headlineOf(finished: FinishedSweep): Headline {
  const { sign, text } = outcomeOf(finished);
  const line = printable(text);
  return { sign, text: line.length > HEADLINE_LONGEST ? `${line.slice(0, HEADLINE_LONGEST)}…` : line };
}

function outcomeOf({ end, failure, rows, comparison }: FinishedSweep): Headline {
  const proven = `${countStatuses(rows).VALID} of ${rows.length} runs VALID`;
  if (end === "failed") return { sign: "❌", text: `Broken off: ${failure ?? ""}` };
  if (end === "cancelled") return { sign: "⚠️", text: `Cancelled: ${proven}` };
  if (comparison === undefined) return { sign: "📏", text: `Measured: ${proven}` };
  return { sign: signOf(comparison.comparison), text: `${verdictText(comparison)}; ${proven}` };
}

/** Those that say something beyond the table: what is not VALID, with its reason. */
function runsTable(rows: readonly RunRow[]): string {
  const others = rows.filter(({ status }) => status !== "VALID");
  const reasons = table(
    ["run", "status", "reason"],
    others.map(({ run_id, status, reason }) => [code(run_id), status, code(reason)]),
  );
  return [statusText(rows), reasons].filter((text) => text !== "").join("\n\n");
}

function reproduction(sweep: SweepOnPullRequest): string {
  const { sweepId, request, changes } = sweep;
  const { repository, number } = request.pullRequest;
  const pullRequest = `${inline(fullNameOf(repository))} pull request ${number}`;
  const again =
    changes === undefined
      ? []
      : [
          `Under the pull request, its arms interleaved as here: ${code(commentToRepeat(sweep, changes))}`,
          "One after the other, in a checkout of the repository, where Meshbench is up:",
          `\`\`\`sh\n${commandsToRepeat(sweep, changes).join("\n")}\n\`\`\``,
        ];
  const origin = `Sweep ${code(sweepId)} of ${pullRequest}: \`meshbench report ${sweepId}\` on the bench's machine has every figure.`;
  return [...again, origin].join("\n\n");
}

function commentToRepeat({ spec, arms }: SweepOnPullRequest, { set, env, image }: SpecChanges): string {
  const base = arms.find(({ name }) => name === "base");
  const options = [
    ...(env === undefined ? [] : [`env=${env.join(",")}`]),
    ...(image === undefined ? [] : [`image=${image}`]),
    `vs=${base?.sha ?? "none"}`,
  ];
  return ["/bench run", spec, ...set, ...options].join(" ");
}

/** As the sweep did: the head's spec, and of each arm the image alone. All words passed the comment's grammar. */
function commandsToRepeat({ spec, arms, request }: SweepOnPullRequest, changes: SpecChanges): string[] {
  const { set, env, environments, image } = changes;
  const picked = env === undefined ? [] : [`--env ${env.join(",")}`];
  const runWith = (ofArm: string) => {
    const images = environments.map((name) => `environments.${name}.image=${ofArm}`);
    return ["npx meshbench run", spec, ...[...set, ...images].map((one) => `--set ${one}`), ...picked].join(" ");
  };
  const checkout = [`git fetch origin ${arms.map(({ sha }) => sha).join(" ")}`, `git checkout ${request.headSha}`];
  if (image !== undefined) return [...checkout, runWith(image)];
  const runs = arms.flatMap(({ name, sha }) => [
    `git worktree add --detach ../${name} ${sha}`,
    `${name}=$(node infra/node-image/build.ts --source ../${name} | cut -d' ' -f2)`,
    runWith(`$${name}`),
  ]);
  const comparison = arms.length > 1 ? ["npx meshbench compare SWEEP_OF_BASE SWEEP_OF_HEAD"] : [];
  return [...checkout, "npm ci", ...runs, ...comparison];
}

const folded =
  (title: string) =>
  (text: string): string =>
    `<details><summary>${title}</summary>\n\n${text}\n\n</details>`;

/** An answer to a command that measures nothing, or to one that was refused: `text` is shown as it is, as code. */
export function answerComment(author: string, text: string): string {
  const fence = "`".repeat(Math.max(3, 1 + Math.max(0, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length))));
  const { text: shown, linesCut } = cutLines(text, TEXT_LONGEST_BYTES - 1000);
  const note = linesCut === 0 ? "" : `\n\n_Cut, since GitHub takes no more: ${linesCut} lines._`;
  return `@${handle(author)}\n\n${fence}text\n${shown}\n${fence}${note}`;
}
