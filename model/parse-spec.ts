/** The one validator for spec files, flags, comments and the API: anything in, a checked `Spec` or all its mistakes out. */

import type { z } from "zod";
import { InputError } from "#model/errors";
import type { InputIssue } from "#model/errors";
import { formatPath, valueAt } from "#model/field-path";
import { makeInert } from "#model/inert-input";
import { checkFactorsGiven, checkSpec } from "#model/spec-checks";
import { FACTOR_DEFAULTS, knownKeysAt, specShape } from "#model/spec-schema";
import type { SpecLimits, SpecShape } from "#model/spec-schema";
import type { Environment, Factors, Spec, Threshold } from "#model/spec";
import { suggest } from "#model/suggest";

/**
 * @param input - What a YAML or JSON reader made of it; nothing about it is trusted.
 * @throws {InputError} With every mistake there is: first those of single values, and if there are none those between them.
 */
export function parseSpec(input: unknown, limits: SpecLimits): Spec {
  const inert = makeInert(input);
  const parsed = specShape(limits).safeParse(inert.value, { reportInput: false });
  const shapeIssues = parsed.success ? [] : parsed.error.issues.flatMap((issue) => toInputIssues(issue, inert.value));
  throwIfAny(withoutRepeats([...inert.issues, ...shapeIssues, ...checkFactorsGiven(inert.value)]));
  if (!parsed.success) throw parsed.error;

  const spec = toSpec(parsed.data);
  throwIfAny([...checkSpec(spec, limits), ...checkOurs(spec, inert.value)]);
  return spec;
}

function throwIfAny(issues: readonly InputIssue[]): void {
  if (issues.length > 0) throw new InputError(issues);
}

/** One line a field: what was found first is what matters most. */
function withoutRepeats(issues: readonly InputIssue[]): InputIssue[] {
  return [...new Map(issues.toReversed().map((issue) => [issue.field, issue])).values()].toReversed();
}

function toInputIssues(issue: z.core.$ZodIssue, input: unknown): InputIssue[] {
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey([...issue.path, key], input));
  const message = issue.code === "invalid_key" ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  const [rule = message, ...hints] = message.split("; ");
  const value = issue.code === "invalid_key" ? issue.path.at(-1) : valueAt(input, issue.path);
  return [{ field: formatPath(issue.path), value, rule, ...(hints.length > 0 && { hint: hints.join("; ") }) }];
}

function unknownKey(path: readonly PropertyKey[], input: unknown): InputIssue {
  const [field, value] = [formatPath(path), valueAt(input, path)];
  if (path.length === 1 && path[0] === "limits") {
    return { field, value, rule: "limits are operator-only", hint: "the operator sets them in hosts.yaml" };
  }
  if (path.length === 1 && path[0] === "engine") {
    return { field, value, rule: "unknown key", hint: "did you mean database.engine" };
  }
  const known = knownKeysAt(path.slice(0, -1));
  const rule = path[0] === "matrix" ? "unknown axis" : "unknown key";
  return { field, value, rule, hint: suggest(path.at(-1), known) ?? `known: ${known.join(", ")}` };
}

function toSpec(shape: SpecShape): Spec {
  const { version, name, repetitions, attempts, seed, order, observe, keep, ours } = shape;
  return {
    version,
    name,
    environments: Object.entries(shape.environments).map(([id, environment]) => toEnvironment(id, environment)),
    factors: toFactors(shape),
    warmupSec: shape.warmup,
    repetitions,
    attempts,
    seed,
    order,
    observe,
    keep,
    ...(shape.deadline !== undefined && { deadlineSec: shape.deadline }),
    thresholds: toThresholds(shape.thresholds),
    ours,
  };
}

function toEnvironment(name: string, shape: SpecShape["environments"][string]): Environment {
  const {
    provider,
    host,
    cpus,
    memory: memoryMib,
    image,
    ram_disk: ramDiskMib,
    dns,
    kernel,
    inside,
    max_nodes: maxNodes,
  } = shape;
  return {
    name,
    provider,
    host,
    cpus,
    memoryMib,
    ...(image !== undefined && { image }),
    ...(ramDiskMib !== undefined && { ramDiskMib }),
    ...(dns !== undefined && { dns }),
    ...(kernel !== undefined && { kernel }),
    ...(inside !== undefined && { inside }),
    ...(maxNodes !== undefined && { maxNodes }),
  };
}

function toFactors(shape: SpecShape): Factors {
  const { matrix, database } = shape;
  return {
    mode: valuesOf(matrix.mode, shape.mode, FACTOR_DEFAULTS.mode),
    nodes: valuesOf(matrix.nodes, shape.nodes),
    rate: valuesOf(matrix.rate, shape.rate),
    aggregation: valuesOf(matrix.aggregation, shape.aggregation, FACTOR_DEFAULTS.aggregation),
    durationSec: valuesOf(matrix.duration, shape.duration, FACTOR_DEFAULTS.durationSec),
    engine: valuesOf(matrix.engine, database.engine, FACTOR_DEFAULTS.engine),
    client: valuesOf(matrix.client, shape.client, FACTOR_DEFAULTS.client),
    release: valuesOf(matrix.release, shape.release, FACTOR_DEFAULTS.release),
    resolve: valuesOf(matrix.resolve, shape.resolve, FACTOR_DEFAULTS.resolve),
    phase: valuesOf(matrix.phase, shape.phase, FACTOR_DEFAULTS.phase),
    cpus: valuesOf(matrix.cpus, undefined),
    memoryMib: valuesOf(matrix.memory, undefined),
  };
}

/** One value where it is no axis, none where nothing says it. */
function valuesOf<Value>(axis: readonly Value[] | undefined, scalar: Value | undefined, fallback?: Value): Value[] {
  return axis ? [...axis] : [scalar ?? fallback].filter((value) => value !== undefined);
}

function toThresholds(shape: SpecShape["thresholds"]): Threshold[] {
  return Object.entries(shape).flatMap(([column, statistics]) =>
    Object.entries(statistics ?? {}).flatMap(([statistic, bound]) =>
      bound === undefined
        ? []
        : [{ column: column as Threshold["column"], statistic: statistic as Threshold["statistic"], ...bound }],
    ),
  );
}

/** A mark on nothing would make the plan claim too much for the paper. */
function checkOurs({ ours }: Spec, input: unknown): InputIssue[] {
  return ours.flatMap((path, i) =>
    valueAt(input, path.split(".")) === undefined
      ? [
          {
            field: formatPath(["ours", i]),
            value: path,
            rule: "no value at this path",
            hint: "name a key of this file",
          },
        ]
      : [],
  );
}
