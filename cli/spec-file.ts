/** From what a user typed to a checked spec: a file or a preset, then `--set` and `--env`, then the one validator. */

import { join } from "node:path";
import { readTextFile } from "#cli/read-text-file";
import { PRESETS } from "#cli/presets";
import { applyOverrides } from "#cli/spec-overrides";
import type { Override } from "#cli/spec-overrides";
import { parseSpecYaml } from "#cli/spec-yaml";
import type { SpecText } from "#cli/spec-yaml";
import { InputError } from "#model/errors";
import type { InputIssue } from "#model/errors";
import { formatPath } from "#model/field-path";
import { parseSpec } from "#model/parse-spec";
import { expandPlan } from "#model/plan";
import type { Plan } from "#model/plan";
import type { SpecLimits } from "#model/spec-schema";
import type { Spec } from "#model/spec";
import { suggest } from "#model/suggest";

const PRESETS_DIR = join(import.meta.dirname, "..", "presets");

export interface SpecRequest {
  /** A path, or a preset's name. A file of that name is reached as `./quick`. */
  readonly spec: string;
  /** What stands in the file, where it is not on this machine. */
  readonly text?: string | undefined;
  /** `key=value`, as they came. */
  readonly set: readonly string[];
  /** Only these environments; absent: all. */
  readonly env?: readonly string[] | undefined;
  readonly limits: SpecLimits;
}

/** @throws {InputError} With all mistakes of file and flags, each at its place. */
export async function loadSpec(request: SpecRequest): Promise<Spec> {
  return (await loadPlan(request)).spec;
}

/** Like `loadSpec`, with the runs that the spec stands for. */
export async function loadPlan({ spec: name, text: given, set, env, limits }: SpecRequest): Promise<Plan> {
  const { path, shown } = locateSpec(name);
  const text = parseSpecYaml(given ?? (await readTextFile(path, "spec", hintFor(name))), shown);
  const { value, applied, issues } = applyOverrides(text.value, { set, env });
  const found = checkInput(value, limits);
  if (found.plan && issues.length === 0) return found.plan;
  const placed = found.issues.map((issue) => atItsPlace(issue, { text, applied, file: shown }));
  throw new InputError([...issues, ...placed.toSorted(byPlace)]);
}

function locateSpec(name: string): { path: string; shown: string } {
  if (!PRESETS.some((preset) => preset === name)) return { path: name, shown: name };
  return { path: join(PRESETS_DIR, `${name}.yaml`), shown: `presets/${name}.yaml` };
}

const hintFor = (name: string): string => suggest(name, PRESETS) ?? `a YAML file, or a preset: ${PRESETS.join(", ")}`;

function checkInput(value: unknown, limits: SpecLimits): { plan?: Plan; issues: readonly InputIssue[] } {
  try {
    return { plan: expandPlan(parseSpec(value, limits)), issues: [] };
  } catch (error) {
    if (error instanceof InputError) return { issues: error.issues };
    throw error;
  }
}

interface Origin {
  readonly text: SpecText;
  readonly applied: readonly Override[];
  readonly file: string;
}

function atItsPlace(issue: InputIssue, { text, applied, file }: Origin): InputIssue {
  const override = applied.find(({ path }) => isAbout(issue.field, formatPath(path), text.places));
  if (override) return { ...issue, field: `--set ${override.key}` };
  return { ...issue, file, ...placeOf(issue.field, text.places) };
}

/** Flags first, then as one reads the file. */
const byPlace = (a: InputIssue, b: InputIssue): number =>
  (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);

/** At the place, inside it, or around it where the file itself has nothing there. */
function isAbout(field: string, place: string, places: SpecText["places"]): boolean {
  return isAtOrIn(field, place) || (isAtOrIn(place, field) && !places.has(field) && field !== "spec");
}

const isAtOrIn = (inner: string, outer: string): boolean =>
  inner === outer || inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`);

/** Of the value itself, or of the nearest map around it where it is missing. A factor may stand in the matrix. */
function placeOf(field: string, places: SpecText["places"]): { line: number; column: number } {
  const place = places.get(field) ?? places.get(`matrix.${field}`);
  if (place) return place;
  const outer = field.replace(/(?:\.[^.[\]]+|\[[^\]]*\])$/, "");
  return outer === field || outer === "" ? { line: 1, column: 1 } : placeOf(outer, places);
}
