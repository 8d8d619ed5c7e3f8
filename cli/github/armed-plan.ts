/** What a comment's run measures: its spec, each environment once for each commit that is compared. */

import { loadPlan } from "#cli/spec-file";
import type { RunCommand } from "#model/comment-command";
import { InputError } from "#model/errors";
import { groupDigits } from "#model/field-rules";
import { expandPlan, type Plan } from "#model/plan";
import { withArms } from "#model/pull-request";
import { countRuns } from "#model/spec-checks";
import type { SpecLimits } from "#model/spec-schema";
import type { Spec } from "#model/spec";

interface ArmedPlan {
  /** As it was written: its commits, and what they are made into, are known later. */
  readonly spec: Spec;
  /** Of all that will be measured. */
  readonly plan: Plan;
}

/**
 * @param text - Of the spec, where it is no preset.
 * @throws {InputError} Where the spec is wrong, or is once both commits are measured.
 */
export async function loadArmedPlan(
  command: Pick<RunCommand, "spec" | "set" | "env" | "versus">,
  text: string | undefined,
  limits: SpecLimits,
): Promise<ArmedPlan> {
  const { spec } = await loadPlan({ ...command, text, limits });
  const armed = withArms(spec, command.versus.kind === "none" ? { head: {} } : { base: {}, head: {} });
  checkRunCount(spec, armed, limits);
  return { spec, plan: expandPlan(armed) };
}

function checkRunCount(spec: Spec, armed: Spec, { runs: limit }: SpecLimits): void {
  const runs = countRuns(armed);
  if (runs <= limit) return;
  const rule = `${groupDigits(runs)} runs > ${groupDigits(limit)} (config limits.runs), since head and base are both measured`;
  const value = `${groupDigits(countRuns(spec))} runs of each commit`;
  throw new InputError([{ field: "matrix", value, rule, hint: "fewer values or repetitions, or vs=none" }]);
}
