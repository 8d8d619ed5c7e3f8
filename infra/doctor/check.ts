/** One thing that a machine needs. */

import { InputError, showValue, UnavailableError } from "#model/errors";

export interface Finding {
  /** What was found, or what is wrong. */
  readonly found: string;
  /** The exact command that mends it; absent where all is well. */
  readonly mend?: string;
  /** Nothing is missing for it, but somebody should know. */
  readonly isWarning?: boolean;
}

export interface Check {
  readonly name: string;
  readonly look: () => Promise<Finding>;
}

export interface CheckResult extends Omit<Finding, "isWarning"> {
  readonly name: string;
  readonly ok: boolean;
}

export const ok = (found: string): Finding => ({ found });
export const warning = (found: string, mend: string): Finding => ({ found, mend, isWarning: true });
export const missing = (found: string, mend: string): Finding => ({ found, mend });

/** All checks at once, in their order. One that fails to look is a result like the others. */
export async function runChecks(checks: readonly Check[]): Promise<CheckResult[]> {
  return Promise.all(
    checks.map(async ({ name, look }) => {
      const { isWarning = false, ...finding } = await look().catch((error: unknown) => toFinding(error));
      return { name, ok: finding.mend === undefined || isWarning, ...finding };
    }),
  );
}

function toFinding(error: unknown): Finding {
  if (error instanceof UnavailableError) return missing(error.message, error.hint);
  const issue = error instanceof InputError ? error.issues[0] : undefined;
  if (issue) {
    return missing(
      `${issue.field}: got ${showValue(issue.value)}; ${issue.rule}`,
      issue.hint ?? `change ${issue.field}`,
    );
  }
  return missing(error instanceof Error ? error.message : String(error), "npx meshbench up");
}

/** A line each; what mends it stands below, ready to be copied. */
export function showResults(results: readonly CheckResult[]): string {
  const width = Math.max(...results.map(({ name }) => name.length));
  return results
    .map(({ name, ok: isOk, found, mend }) => {
      const word = mend === undefined ? "ok" : isOk ? "warning" : "missing";
      const line = `${word.padEnd(7)}  ${name.padEnd(width)}  ${found}`;
      return mend === undefined ? line : `${line}: ${mend}`;
    })
    .join("\n");
}
