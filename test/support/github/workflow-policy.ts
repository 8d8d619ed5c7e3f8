/** What our workflow files must be beyond correct. Each rule answers with what breaks it. */

import { parse } from "yaml";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly "runs-on"?: string | readonly string[];
  readonly permissions?: string | Readonly<Record<string, string>>;
  readonly environment?: string;
  readonly env?: Readonly<Record<string, unknown>>;
  readonly "timeout-minutes"?: unknown;
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>> & {
    readonly workflow_call?: { readonly inputs?: { readonly release?: { readonly required?: boolean } } };
  };
  readonly permissions?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** Of whoever comments or opens a pull request: only conditions may look at them. */
const UNTRUSTED = /github\.(?:event\.(?:comment|issue|pull_request|review|discussion|head_commit|commits)\b|head_ref)/;
/** The lines of shell that a workflow may have: decisions are Meshbench's. */
const RUNS = [
  /^exec meshbench (?:github (?:submit|sweep|cancel|resume)|nightly nudge)$/,
  /^exec node cli\/main\.ts github gate$/,
  /^npm ci --omit=dev --ignore-scripts$/,
  /^exec sudo --preserve-env=PATH \.ci\/run$/,
];
/** They run with rights over the repository on behalf of whoever opened a pull request. */
const DANGEROUS_EVENTS = ["pull_request_target", "workflow_run"];

/** @returns One line for each breach; none where all is well. */
export function breachesOf(text: string): string[] {
  const workflow = parse(text) as Workflow;
  const jobs = Object.entries(workflow.jobs).flatMap(([id, job]) =>
    [...jobBreaches(job, workflow), ...(job.steps ?? []).flatMap((step) => stepBreaches(step, job))].map(
      (breach) => `${id}: ${breach}`,
    ),
  );
  return [...fileBreaches(workflow), ...unheeded(workflow, text), ...unpinned(text), ...jobs];
}

function fileBreaches({ on, permissions }: Workflow): string[] {
  return [
    ...when(JSON.stringify(permissions) !== "{}", "permissions at the top are not {}"),
    ...DANGEROUS_EVENTS.filter((event) => event in on).map((event) => `is started by ${event}`),
  ];
}

/** Others' repositories say which release of Meshbench they mean. */
function unheeded({ on }: Workflow, text: string): string[] {
  if (!("workflow_call" in on)) return [];
  return [
    ...when(on.workflow_call?.inputs?.release?.required !== true, "can be called without a pinned release"),
    ...when(!/^ +(?:ref|MESHBENCH_RELEASE): \$\{\{ inputs\.release\b/m.test(text), "does not heed the pinned release"),
  ];
}

function jobBreaches(job: Job, { on }: Workflow): string[] {
  const rights = Object.values(job.permissions ?? {});
  const takesOthersWork = (job.steps ?? []).some(({ uses, run }) => isCheckout(uses) || run?.includes("submit"));
  return [
    ...when(typeof job["timeout-minutes"] !== "number", "has no timeout-minutes"),
    ...when(typeof job.permissions !== "object", "does not say its permissions"),
    ...when(isOnBench(job) && rights.includes("write"), "writes to GitHub from the bench"),
    ...when(isOnBench(job) && "pull_request" in on, "runs a pull request's workflow on the bench"),
    ...when(isOnBench(job) && takesOthersWork && job.environment !== "lab", "measures others' work outside `lab`"),
  ];
}

function stepBreaches({ uses, run, with: inputs = {}, env = {} }: Step, job: Job): string[] {
  const values = Object.values({ ...inputs, ...env, ...job.env }).map(String);
  return [
    ...when(run !== undefined && !RUNS.some((allowed) => allowed.test(run.trim())), `has logic: ${run}`),
    ...when(run?.includes("${{") === true, "puts an expression into a line of shell"),
    ...when(isOnBench(job) && run !== undefined && !run.startsWith("exec meshbench "), "runs more than meshbench"),
    ...when(isCheckout(uses) && inputs["persist-credentials"] !== false, "leaves credentials in the checkout"),
    ...when(
      values.some((value) => UNTRUSTED.test(value)),
      "hands a stranger's words to a step",
    ),
    ...when(isOnBench(job) && values.some(isSecret), "brings a credential to the bench"),
  ];
}

/** A tag can be moved; a commit cannot. The comment says which release it is. */
const unpinned = (text: string): string[] =>
  text
    .split("\n")
    .filter((line) => /\buses:/.test(line) && !/uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line))
    .map((line) => `is not pinned: ${line.trim()}`);

/** Whatever is not a machine of GitHub's for certain: labels may be an input. */
const isOnBench = (job: Job): boolean => ![job["runs-on"]].flat().every((label) => /^ubuntu-[\w.]+$/.test(label ?? ""));
const isSecret = (value: string): boolean => /\bsecrets\.|github\.token/.test(value);
const isCheckout = (uses: string | undefined): boolean => uses?.startsWith("actions/checkout@") === true;
const when = (isBreach: boolean, breach: string): string[] => (isBreach ? [breach] : []);
