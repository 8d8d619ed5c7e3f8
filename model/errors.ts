/** Every way a run, a command or an input can fail, with what follows from it. */

/** How a command ends, for scripts and CI. */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  thresholdMissed: 3,
  notAllowed: 4,
  unavailable: 5,
  someRunsFailed: 6,
  detached: 130,
} as const;

export type RunStatus = "VALID" | "SUSPECT" | "INVALID" | "FAILED" | "CANCELLED";

/**
 * `fresh-run`: another attempt takes this one's place, as far as the spec's `attempts` go.
 * `never`: the same again would fail the same way; the sweep goes on with its other runs.
 */
type RetryRule = "fresh-run" | "never";

interface FailureRule {
  readonly endsAs: Exclude<RunStatus, "VALID">;
  readonly retry: RetryRule;
  /** What the reader of a status line can do about it. */
  readonly hint: string;
}

/** The closed set. A `reason` in a result row is one of these names, a colon and the particulars. */
export const FAILURES = {
  "address pool": { endsAs: "FAILED", retry: "never", hint: "remove unused networks: docker network prune" },
  barrier: { endsAs: "FAILED", retry: "fresh-run", hint: "read the named node's log: meshbench logs RUN NODE" },
  "busy host": {
    endsAs: "FAILED",
    retry: "fresh-run",
    hint: "stop other work on the host, or raise guards.foreign_cpu_pct in hosts.yaml",
  },
  bug: { endsAs: "FAILED", retry: "never", hint: "report it with the run's log: meshbench logs RUN" },
  cancelled: { endsAs: "CANCELLED", retry: "never", hint: "resume it: meshbench resume SWEEP" },
  capacity: { endsAs: "FAILED", retry: "never", hint: "use fewer nodes, less memory per node, or another host" },
  "certificate changed": {
    endsAs: "FAILED",
    retry: "never",
    hint: "if the host's owner changed it, write the new thumbprint into hosts.yaml; else somebody is in between",
  },
  clock: { endsAs: "INVALID", retry: "fresh-run", hint: "check the host's clock source and time daemon" },
  collect: { endsAs: "FAILED", retry: "fresh-run", hint: "free space for the results, then: meshbench collect RUN" },
  "db crash": {
    endsAs: "INVALID",
    retry: "fresh-run",
    hint: "read the database's last lines: meshbench logs RUN NODE",
  },
  // No disturbance but a result, "≥ so much": a fresh run would take as long again to say the same.
  deadline: {
    endsAs: "INVALID",
    retry: "never",
    hint: "the load is beyond this environment; raise `deadline` to see how far",
  },
  "digest mismatch": {
    endsAs: "INVALID",
    retry: "fresh-run",
    hint: "the databases did not end as they must; the run's evidence.json has each one's count and digest",
  },
  "disk full": { endsAs: "INVALID", retry: "fresh-run", hint: "raise the environment's ram_disk" },
  dns: { endsAs: "FAILED", retry: "fresh-run", hint: "use `resolve: addresses`, or mend the resolver named" },
  "esxi refused": {
    endsAs: "FAILED",
    retry: "never",
    hint: "the host named does not take this as it is; docs/own-lab.md says what it needs",
  },
  "esxi unavailable": {
    endsAs: "FAILED",
    retry: "fresh-run",
    hint: "see that the host named answers: govc about",
  },
  "engine restart": { endsAs: "INVALID", retry: "fresh-run", hint: "keep the engine from restarting during runs" },
  "engine unavailable": { endsAs: "FAILED", retry: "fresh-run", hint: "meshbench doctor names what is missing" },
  fenced: {
    endsAs: "FAILED",
    retry: "fresh-run",
    hint: "another installation measures on this machine: meshbench reap --dry-run names it",
  },
  gap: { endsAs: "INVALID", retry: "fresh-run", hint: "the node was paused or starved for over a second" },
  "held up": {
    endsAs: "FAILED",
    retry: "fresh-run",
    hint: "something was away that has to be there: meshbench doctor; where the load needs longer, raise `deadline`",
  },
  "history lost": {
    endsAs: "FAILED",
    retry: "fresh-run",
    hint: "Temporal lost the run's history; meshbench reap cleans up",
  },
  "github refused": {
    endsAs: "FAILED",
    retry: "never",
    hint: "see that what is named is there, and that the App may do this: docs/github.md lists its permissions",
  },
  image: { endsAs: "FAILED", retry: "never", hint: "build or load it: meshbench image build" },
  "licence read-only": {
    endsAs: "FAILED",
    retry: "never",
    hint: "a free ESXi lets programs only look; an evaluation or paid licence is needed",
  },
  "load burst": {
    endsAs: "SUSPECT",
    retry: "never",
    hint: "other work ran on the host for a part of the main loop; the data is proven",
  },
  "login refused": {
    endsAs: "FAILED",
    retry: "never",
    hint: "check username, password_file and permissions of the host in hosts.yaml; docs/own-lab.md lists them",
  },
  "master lost": { endsAs: "INVALID", retry: "fresh-run", hint: "read the master's log: meshbench logs RUN NODE" },
  "name taken": {
    endsAs: "FAILED",
    retry: "never",
    hint: "a container, VM or folder that is not ours has this name; remove or rename it yourself",
  },
  "no address": {
    endsAs: "FAILED",
    retry: "fresh-run",
    hint: "see that the VM's network has DHCP, and that VMware Tools run in it",
  },
  "no provider": {
    endsAs: "FAILED",
    retry: "never",
    hint: "have the environment name a host that has this provider, or give it to this one in hosts.yaml",
  },
  "no route": {
    endsAs: "FAILED",
    retry: "never",
    hint: "run the worker where the nodes' addresses are routable: on the engine's own machine",
  },
  "no worker": { endsAs: "FAILED", retry: "fresh-run", hint: "start a worker for that host: meshbench up" },
  "node failed": { endsAs: "FAILED", retry: "fresh-run", hint: "read the node's log: meshbench logs RUN NODE" },
  "node lost": {
    endsAs: "INVALID",
    retry: "fresh-run",
    hint: "the node went away from outside; look at the engine's events",
  },
  "node unresponsive": { endsAs: "INVALID", retry: "fresh-run", hint: "the node or its network stopped answering" },
  "noisy host": { endsAs: "INVALID", retry: "fresh-run", hint: "stop other work on the host while it measures" },
  oom: { endsAs: "INVALID", retry: "fresh-run", hint: "raise the environment's memory" },
  protocol: {
    endsAs: "FAILED",
    retry: "never",
    hint: "rebuild the node image with this version: meshbench image build",
  },
  reconnect: {
    endsAs: "SUSPECT",
    retry: "never",
    hint: "a database connection broke and was replaced; the data is proven",
  },
  sync: {
    endsAs: "FAILED",
    retry: "fresh-run",
    hint: "a node could not connect to all databases; where connections time out: meshbench doctor, neighbour table",
  },
  unwatched: {
    endsAs: "SUSPECT",
    retry: "never",
    hint: "see that the worker's home has room and can be written; the data is proven, not that nobody disturbed it",
  },
} as const satisfies Record<string, FailureRule>;

export type FailureKind = keyof typeof FAILURES;

/** Where a run was whose workflow took the answer with it. */
export const UNKNOWN_STEP = "an unknown step";

export interface FailureParticulars {
  /** 1-based index of the node it happened on. */
  readonly node?: number;
  readonly host?: string;
  readonly step?: string;
}

/** An expected failure: what failed, where, and what to try. A bug stays a plain Error. */
export class BenchError extends Error {
  override readonly name = "BenchError";
  readonly kind: FailureKind;
  readonly particulars: FailureParticulars;

  constructor(kind: FailureKind, message: string, particulars: FailureParticulars = {}, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.particulars = particulars;
  }

  /** What a result row, a status line and a report show. */
  get reason(): string {
    return formatReason(this.kind, this.message, this.particulars);
  }
}

export function formatReason(
  kind: FailureKind,
  message: string,
  { node, host, step }: FailureParticulars = {},
): string {
  const where = [step && `in ${step}`, node && `node ${node}`, host && `host ${host}`].filter(Boolean).join(", ");
  return `${kind}: ${message}${where && ` (${where})`}; ${FAILURES[kind].hint}`;
}

/** Something a command needs is not there: exit 5, with the command that mends it. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";
  readonly hint: string;

  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.hint = hint;
  }
}

/** One thing wrong with an input. `line` and `column` count from 1 and are there for files only. */
export interface InputIssue {
  readonly field: string;
  readonly value: unknown;
  readonly rule: string;
  readonly hint?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

/** More would push the first ones, which matter most, off the screen. */
const ISSUES_SHOWN = 20;

/** One line each, then how many more there are. */
function formatIssues(issues: readonly InputIssue[]): string {
  const lines = issues.slice(0, ISSUES_SHOWN).map(formatIssue);
  const more = issues.length - lines.length;
  return [...lines, ...(more > 0 ? [`… and ${more} more`] : [])].join("\n");
}

/** Bad input: exit 2, all issues at once, nothing created. Its message shows the first 20. */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly issues: readonly InputIssue[];

  constructor(issues: readonly InputIssue[]) {
    super(formatIssues(issues));
    this.issues = issues;
  }
}

/** `error: nodes: got 0; must be an integer 1..256; …`, with file:line:column first where there is a file. */
function formatIssue({ field, value, rule, hint, file, line, column }: InputIssue): string {
  const place =
    file === undefined ? "" : `${inert(file, UNPRINTABLE)}${line === undefined ? "" : `:${line}:${column ?? 1}`}: `;
  return `error: ${place}${field}: got ${showValue(value)}; ${rule}${hint === undefined ? "" : `; ${hint}`}`;
}

/** The value as JSON, without control or direction-changing characters, cut at 80 characters. */
export function showValue(value: unknown): string {
  if (value === undefined) return "nothing";
  const isNumber = typeof value === "number" || typeof value === "bigint";
  const text = isNumber ? String(value) : (JSON.stringify(value, bigintAsText) ?? typeof value);
  const shown = inert(text, BEYOND_ASCII);
  return shown.length > 80 ? `${shown.slice(0, 79)}…` : shown;
}

const BEYOND_ASCII = /[^\x20-\x7e]/gu;
/** Paths keep their letters of any language, not what is invisible or turns the direction of a line. */
const UNPRINTABLE = /\p{C}/gu;

const inert = (text: string, odd: RegExp): string =>
  text.replaceAll(odd, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);

const bigintAsText = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);
