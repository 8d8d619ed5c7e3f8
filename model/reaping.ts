/** Which leftovers of runs may be removed from a host, and which entries of the ledger are settled. Decides, does nothing. */

import { isRunId } from "#model/ids";

/** What Temporal knows of a run. `kept`: it has ended and left its nodes on purpose. */
export type RunOutcome = "open" | "ended" | "kept" | "unknown";

/** Of a run's workflow, `true` where it leaves its nodes until their deadline. */
export const NODES_KEPT_MEMO = "nodesKept";

/** The workflow type that the reaper's schedule starts; its maker cannot import workflows. */
export const REAP_HOST_WORKFLOW = "reapHostWorkflow";

/** What a resource's labels say; any of them may be empty or nonsense, since anybody can set labels. */
export interface Leftover {
  readonly runId: string;
  readonly host: string;
  /** UTC, ISO 8601. */
  readonly deadlineAt: string;
}

export interface ReapingRule {
  /** Only what is labelled with it is touched. */
  readonly host: string;
  readonly now: Date;
  /** `undefined`: Temporal does not answer. */
  readonly outcome: RunOutcome | undefined;
}

export interface Verdict {
  readonly action: "remove" | "keep";
  /** Continues "removed:" or "kept:". */
  readonly why: string;
}

/** Clocks of two machines that share an engine differ by less. */
const CLOCK_TOLERANCE_MS = 10_000;
/** An open run tears itself down at its deadline, and may still be fetching what it measured. */
const OWN_TEARDOWN_MS = 3 * 60_000;

/** A deadline that cannot be read is never over. */
export function isPastDeadline(deadlineAt: string, now: Date): boolean {
  return now.getTime() - Date.parse(deadlineAt) > CLOCK_TOLERANCE_MS;
}

/** Whether it can be Meshbench's at all: run and deadline are on everything it makes. */
export const isLegible = ({ runId, deadlineAt }: Leftover): boolean =>
  isRunId(runId) && !Number.isNaN(Date.parse(deadlineAt));

/** Nobody but this host's own reaper may judge by what it finds; a run that is not known here may be another installation's. */
export function isForeign({ runId, host }: Leftover, ownHost: string): boolean {
  return host !== ownHost || !isRunId(runId);
}

export function judgeLeftover(leftover: Leftover, { host, now, outcome }: ReapingRule): Verdict {
  if (leftover.host !== host) return keep(`belongs to host ${leftover.host || "unnamed"}`);
  if (!isRunId(leftover.runId)) return keep("its label names no run");
  const { deadlineAt } = leftover;
  if (outcome === "ended") return remove("its run has ended");
  if (outcome === "open") {
    const isOverdue = isPastDeadline(deadlineAt, new Date(now.getTime() - OWN_TEARDOWN_MS));
    return isOverdue ? remove("its run is long past its deadline") : keep("its run is under way");
  }
  if (isPastDeadline(deadlineAt, now)) return remove("its deadline is over");
  return keep(`${REASON_TO_WAIT[outcome ?? "silent"]} until ${deadlineAt || "an unnamed deadline"}`);
}

const REASON_TO_WAIT = {
  kept: "kept on purpose",
  unknown: "Temporal does not know its run, which may be another installation's,",
  silent: "Temporal does not answer, its run may be under way",
} as const;

/** What was measured of a run and not fetched yet is of use to nobody once its workflow and its nodes are gone. */
export const isEvidenceUseless = (outcome: RunOutcome | undefined): boolean =>
  outcome !== undefined && outcome !== "open";

/** What an open entry of the ledger comes to. `lost`: the run ended without a row of its own. */
export type IntentVerdict = "wait" | "close" | "lost";

/** An entry whose run's resources are gone from its host. */
export function judgeIntent(
  { deadlineAt, hasRow }: { readonly deadlineAt: string; readonly hasRow: boolean },
  { now, outcome }: Pick<ReapingRule, "now" | "outcome">,
): IntentVerdict {
  const isOver = outcome === "ended" || (outcome !== "open" && isPastDeadline(deadlineAt, now));
  if (!isOver) return "wait";
  return hasRow ? "close" : "lost";
}

const remove = (why: string): Verdict => ({ action: "remove", why });
const keep = (why: string): Verdict => ({ action: "keep", why });
