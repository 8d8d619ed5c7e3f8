/** `--set key=value[,value…]` and `--env a,b`: changes to a spec between reading and checking it. */

import type { InputIssue } from "#model/errors";
import { isMap, valueAt } from "#model/field-path";
import { isSecretKey } from "#model/inert-input";
import { readScalar } from "#model/scalar-text";
import { FACTOR_KEYS, scalarPathOf } from "#model/spec-schema";
import type { FactorKey } from "#model/spec-schema";
import { suggest } from "#model/suggest";

type RawMap = Record<string, unknown>;

export interface Override {
  /** As the user wrote it: `nodes`, `environments.vms.memory`. */
  readonly key: string;
  /** Where it went: messages about this place are about the flag. */
  readonly path: readonly string[];
}

export interface Overridden {
  readonly value: unknown;
  readonly applied: readonly Override[];
  readonly issues: readonly InputIssue[];
}

interface Assignment extends Override {
  readonly values: readonly unknown[];
  readonly factor?: FactorKey;
}

/** @param raw - What the YAML reader made; it is changed in place. */
export function applyOverrides(
  raw: unknown,
  { set, env }: { set: readonly string[]; env?: readonly string[] | undefined },
): Overridden {
  const issues: InputIssue[] = [];
  const assignments = withoutDuplicates(
    set.flatMap((text) => readAssignment(text, issues)),
    issues,
  );
  if (!isMap(raw)) return { value: raw, applied: [], issues };
  for (const assignment of assignments) {
    const issue = checkEnvironment(raw, assignment);
    if (issue) issues.push(issue);
    else assign(raw, assignment);
  }
  if (env) issues.push(...pickEnvironments(raw, env));
  return { value: raw, applied: assignments, issues };
}

function readAssignment(text: string, issues: InputIssue[]): Assignment[] {
  const split = text.indexOf("=");
  const key = text.slice(0, Math.max(0, split));
  if (!/^[\w-]+(\.[\w-]+)*$/.test(key)) {
    const value = split < 0 ? text : key;
    issues.push({
      field: "--set",
      value,
      rule: "must be key=value",
      hint: "such as --set nodes=4 or --set rate=6000,60000",
    });
    return [];
  }
  const values = text
    .slice(split + 1)
    .split(",")
    .map(readScalar);
  const factor = FACTOR_KEYS.find((name) => [name, `matrix.${name}`, scalarPathOf(name).join(".")].includes(key));
  if (factor === undefined) return [{ key, path: key.split("."), values }];
  return [{ key, path: values.length > 1 ? ["matrix", factor] : scalarPathOf(factor), values, factor }];
}

/** Two spellings of one place are one parameter too. */
function withoutDuplicates(assignments: readonly Assignment[], issues: InputIssue[]): Assignment[] {
  const byPlace = Map.groupBy(assignments, ({ factor, path }) => factor ?? path.join("."));
  return [...byPlace.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined || same.length === 1) return same;
    const value = isSecretKey(first.key) ? "(not shown)" : same.map(({ values }) => values.join(","));
    issues.push({ field: `--set ${first.key}`, value, rule: "duplicate parameter", hint: "give it once" });
    return [];
  });
}

function checkEnvironment(raw: RawMap, { key, path }: Assignment): InputIssue | undefined {
  const [first, name = ""] = path;
  const environments = raw["environments"];
  if (first !== "environments" || !isMap(environments) || Object.hasOwn(environments, name)) return undefined;
  return unknownEnvironment(`--set ${key}`, name, Object.keys(environments));
}

function unknownEnvironment(field: string, name: string, known: readonly string[]): InputIssue {
  const rule = `unknown environment; known: ${known.join(", ")}`;
  const hint = suggest(name, known);
  return hint === undefined ? { field, value: name, rule } : { field, value: name, rule, hint };
}

/** More than one value makes a factor an axis; one value takes the place of value or axis. */
function assign(raw: RawMap, { path, values, factor }: Assignment): void {
  const isList = values.length > 1 || path[0] === "matrix" || path.at(-1) === "dns";
  if (factor !== undefined) {
    for (const place of [scalarPathOf(factor), ["matrix", factor]]) removeAt(raw, place);
  }
  setAt(raw, path, isList ? values : values[0]);
  // What the user chose is no longer a stand-in of ours.
  const places = factor === undefined ? [path] : [[factor], ["matrix", factor], scalarPathOf(factor)];
  keepOurs(raw, (ours) => !places.some((place) => place.join(".") === ours));
}

function pickEnvironments(raw: RawMap, picked: readonly string[]): InputIssue[] {
  const environments = raw["environments"];
  if (!isMap(environments)) return [];
  const known = Object.keys(environments);
  const issues = [...new Set(picked)].flatMap((name): InputIssue[] => {
    if (!known.includes(name)) return [unknownEnvironment("--env", name, known)];
    const isTwice = picked.filter((other) => other === name).length > 1;
    return isTwice ? [{ field: "--env", value: name, rule: "duplicate environment", hint: "give it once" }] : [];
  });
  if (issues.length > 0) return issues;
  for (const name of known.filter((other) => !picked.includes(other))) {
    delete environments[name];
    keepOurs(raw, (ours) => !ours.startsWith(`environments.${name}.`));
  }
  return [];
}

function keepOurs(raw: RawMap, isKept: (path: string) => boolean): void {
  const ours = raw["ours"];
  if (Array.isArray(ours)) raw["ours"] = ours.filter((path) => typeof path !== "string" || isKept(path));
}

function setAt(raw: RawMap, path: readonly string[], value: unknown): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) {
    raw[key] = value;
    return;
  }
  const inner = valueAt(raw, [key]);
  const map = isMap(inner) ? inner : (Object.create(null) as RawMap);
  raw[key] = map;
  setAt(map, rest, value);
}

function removeAt(raw: RawMap, path: readonly string[]): void {
  const parent = valueAt(raw, path.slice(0, -1));
  if (isMap(parent)) delete parent[path.at(-1) ?? ""];
}
