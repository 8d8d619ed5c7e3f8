/** From a nightly's file to a checked nightly, with the plan it stands for. */

import { dirname, join } from "node:path";
import { PRESETS } from "#cli/presets";
import { readTextFile } from "#cli/read-text-file";
import { loadPlan } from "#cli/spec-file";
import { parseSpecYaml, type SpecText } from "#cli/spec-yaml";
import { InputError, type InputIssue } from "#model/errors";
import type { Nightly } from "#model/nightly";
import { checkNightlyPlan, parseNightly, type NightlyFile } from "#model/nightly-file";
import type { Plan } from "#model/plan";
import { readLimits } from "#worker/limits";

/** @throws {InputError} With all mistakes of the file, then of the spec it names, then of both together. */
export async function loadNightly(path: string): Promise<{ nightly: Nightly; plan: Plan }> {
  const text = parseSpecYaml(await readTextFile(path, "file", "a YAML file; docs/nightly.md has one"), path);
  const { set, env, ...file } = placed(text, path, () => parseNightly(text.value));
  const plan = await loadPlan({ spec: specPath(file, path), set, env, limits: readLimits() });
  placed(text, path, () => checkNightlyPlan(file, plan));
  return { nightly: { ...file, spec: plan.spec }, plan };
}

/** Of a preset its name; of a file where it is, seen from the nightly's. */
function specPath({ specName }: Pick<NightlyFile, "specName">, path: string): string {
  return PRESETS.some((preset) => preset === specName) ? specName : join(dirname(path), specName);
}

/** Issues about what stands in the file get their place in it. */
function placed<Result>({ places }: SpecText, file: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(error.issues.map((issue) => withPlace(issue, file, places.get(issue.field))));
  }
}

const withPlace = (
  issue: InputIssue,
  file: string,
  place: { readonly line: number; readonly column: number } | undefined,
): InputIssue => ({ ...issue, file, ...(place ?? { line: 1, column: 1 }) });
