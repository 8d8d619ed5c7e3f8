/** What no single value of a spec shows: keys that contradict each other, sums that pass a limit. */

import type { InputIssue } from "#model/errors";
import { formatPath, isMap, valueAt } from "#model/field-path";
import { groupDigits } from "#model/field-rules";
import { tupleCountOf } from "#model/plan";
import { FACTOR_KEYS, scalarPathOf } from "#model/spec-schema";
import type { FactorKey, SpecLimits } from "#model/spec-schema";
import type { Environment, Spec } from "#model/spec";
import { joinParts, suggest } from "#model/suggest";

/** Factors given twice, or not at all. Reads the input as it came, so that it can be told beside mistakes of shape. */
export function checkFactorsGiven(input: unknown): InputIssue[] {
  if (!isMap(input)) return [];
  return FACTOR_KEYS.flatMap((factor): InputIssue[] => {
    const [scalarPath, axisPath] = [scalarPathOf(factor), ["matrix", factor]];
    const [scalar, axis] = [valueAt(input, scalarPath), valueAt(input, axisPath)];
    if (scalar !== undefined && axis !== undefined && scalarPath[0] !== "matrix") {
      const rule = "given both as a value and as an axis of the matrix";
      return [{ field: formatPath(scalarPath), value: scalar, rule, hint: "keep one of them" }];
    }
    const isRequired = factor === "nodes" || factor === "rate";
    if (scalar !== undefined || axis !== undefined || !isRequired) return [];
    const hint = `such as ${factor === "nodes" ? "nodes: 4" : "rate: 5000"}, or a list of them in matrix`;
    return [{ field: factor, value: undefined, rule: "required", hint }];
  });
}

/** Checks across fields of a spec whose shape is right. */
export function checkSpec(spec: Spec, limits: SpecLimits): InputIssue[] {
  return [
    ...checkEqualLimits(spec),
    ...checkHosts(spec, limits),
    ...checkVirtualMachines(spec),
    ...checkAggregation(spec),
    ...checkRunCount(spec, limits),
  ];
}

/** Nodes of different size would explain any difference that is found. */
function checkEqualLimits({ environments, factors }: Spec): InputIssue[] {
  const [first, ...others] = environments;
  if (!first) return [];
  const differing = (factor: "cpus" | "memory", of: (environment: Environment) => number) =>
    others
      .filter((other) => of(other) !== of(first))
      .map((other) => ({
        field: formatPath(["environments", other.name, factor]),
        value: factor === "cpus" ? other.cpus : `${other.memoryMib}MiB`,
        rule: `must equal that of ${first.name} (${factor === "cpus" ? first.cpus : `${first.memoryMib}MiB`})`,
        hint: `to compare sizes make it an axis: matrix.${factor}`,
      }));
  return [
    ...(factors.cpus.length > 0 ? [] : differing("cpus", ({ cpus }) => cpus)),
    ...(factors.memoryMib.length > 0 ? [] : differing("memory", ({ memoryMib }) => memoryMib)),
  ];
}

function checkHosts({ environments }: Spec, { hosts }: SpecLimits): InputIssue[] {
  if (!hosts) return [];
  return environments
    .filter(({ host }) => !hosts.includes(host))
    .map(({ name, host }) => ({
      field: formatPath(["environments", name, "host"]),
      value: host,
      rule: `unknown host; known: ${hosts.join(", ")}`,
      hint: suggest(host, hosts) ?? "add it to hosts.yaml on its worker",
    }));
}

/** A machine has whole processors, only QEMU is handed a kernel, and only engines are in a VM themselves. */
function checkVirtualMachines({ environments, factors }: Spec): InputIssue[] {
  return environments.flatMap(({ name, provider, cpus, kernel, inside }): InputIssue[] => {
    const at = (key: string) => formatPath(["environments", name, key]);
    if (provider !== "qemu" && kernel !== undefined) {
      return [{ field: at("kernel"), value: kernel, rule: "only with provider qemu", hint: "remove it" }];
    }
    if (provider !== "docker" && inside !== undefined) {
      return [{ field: at("inside"), value: inside, rule: "only with provider docker", hint: "remove it" }];
    }
    const fraction = (factors.cpus.length > 0 ? factors.cpus : [cpus]).find((value) => !Number.isInteger(value));
    const isVirtual = provider === "qemu" || provider === "esxi";
    if (!isVirtual || fraction === undefined) return [];
    const field = factors.cpus.length > 0 ? "matrix.cpus" : at("cpus");
    return [{ field, value: fraction, rule: "a VM has whole processors", hint: `such as ${Math.ceil(fraction)}` }];
  });
}

/** AG > K would mean that no batch is ever full: the factor would not be what the row says. */
function checkAggregation({ factors }: Spec): InputIssue[] {
  const loads = factors.rate.flatMap((ratePerMin) =>
    factors.durationSec.map((durationSec) => ({
      ratePerMin,
      durationSec,
      K: tupleCountOf({ ratePerMin, durationSec }),
    })),
  );
  const least = loads.reduce((a, b) => (b.K < a.K ? b : a));
  const { K, ratePerMin, durationSec } = least;
  return factors.aggregation.flatMap((aggregation, i) =>
    aggregation <= K
      ? []
      : {
          field: factors.aggregation.length > 1 ? formatPath(["matrix", "aggregation", i]) : "aggregation",
          value: aggregation,
          rule: `must be 1..${groupDigits(K)}, at most K = D·T (rate ${ratePerMin}, duration ${durationSec}s)`,
          hint: "lower it, or raise rate or duration",
        },
  );
}

/** Counted, not enumerated: a matrix that is far too large must not cost anything. */
export function countRuns(spec: Spec): number {
  const { nodes, cpus, memoryMib, ...others } = spec.factors;
  const combinations = [cpus.length || 1, memoryMib.length || 1, ...Object.values(others).map(({ length }) => length)];
  const nodeCounts = spec.environments.flatMap(({ maxNodes = Infinity }) => nodes.filter((count) => count <= maxNodes));
  return combinations.reduce((product, length) => product * length, nodeCounts.length) * spec.repetitions;
}

function checkRunCount(spec: Spec, { runs: limit }: SpecLimits): InputIssue[] {
  const runs = countRuns(spec);
  if (runs <= limit) return [];
  const axes = axisSizes(spec);
  const sizes = [...axes, ["repetitions", spec.repetitions]] as const;
  return [
    {
      field: "matrix",
      value: sizes.map(([name, size]) => `${name} ${size}`).join(" x "),
      rule: `${groupDigits(runs)} runs > ${groupDigits(limit)} (config limits.runs)`,
      hint: splitHint({ runs, limit, axes, repetitions: spec.repetitions }),
    },
  ];
}

function axisSizes({ factors, environments }: Spec): (readonly [name: string, size: number])[] {
  const { durationSec, memoryMib, ...others } = factors;
  const named: Record<FactorKey | "environments", readonly unknown[]> = {
    environments,
    ...others,
    duration: durationSec,
    memory: memoryMib,
  };
  return Object.entries(named)
    .filter(([, values]) => values.length > 1)
    .map(([name, values]) => [name, values.length] as const)
    .sort(([, a], [, b]) => b - a);
}

/** How to measure all of it in sweeps that pass: by part of the longest axis, or with fewer repetitions. */
function splitHint(matrix: {
  runs: number;
  limit: number;
  axes: readonly (readonly [string, number])[];
  repetitions: number;
}): string {
  const { runs, limit, axes, repetitions } = matrix;
  const [longest, length] = axes[0] ?? ["repetitions", repetitions];
  const share = Math.floor((limit * length) / runs);
  const byAxis =
    share >= 1
      ? `split it: at most ${share} of the ${length} values of ${longest} a sweep (--set ${longest}=…)`
      : `split it along several axes (--set ${axes.map(([name]) => `${name}=…`).join(" --set ")})`;
  const fewer = Math.floor((limit * repetitions) / runs);
  return joinParts(byAxis, fewer >= 1 ? `or at most ${fewer} repetitions` : undefined);
}
